"""`verify`: every tenant's chain, every signed head, in bounded memory. Reads only."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from tieline.engine.feed.outside import latest_heads
from tieline.engine.feed.verify.findings import Kind, Report, TenantReport
from tieline.engine.feed.verify.outside_check import Lineage, Outside, Vouched
from tieline.engine.feed.verify.walk import Walk
from tieline.engine.feed.verify.whole import check_whole
from tieline.engine.rows import Row, tenant_transaction
from tieline.ports.audit import Keys, Sink


async def verify(
    connection: AsyncConnection[Any], tenants: Collection[str], sink: Sink, keys: Keys, now: datetime
) -> Report:
    """`connection` may read as the scheduler. Tenants that only the outside record knows are looked for, too.

    New events may be sealed meanwhile: what is judged is what stood at the beginning.
    """
    report = Report()
    known = sorted({*tenants, *latest_heads(sink, keys)})
    lineages, heads = {}, {}
    for tenant in known:
        lineages[tenant], heads[tenant] = await _standing(connection, tenant)
    outside = Outside(connection, keys, report)
    await outside.read(sink, lineages)
    kept_since = now - await _kept(connection)
    for tenant in known:
        found = TenantReport(tenant=tenant)
        others = tuple(each for each in known if each != tenant)
        walk = Walk(connection, found, others, kept_since, lineages[tenant].epochs)
        await _tenant(walk, lineages[tenant], heads[tenant], outside.vouched[tenant])
        report.tenants.append(found)
    return report


async def _tenant(walk: Walk, lineage: Lineage, head: Row | None, vouched: Vouched) -> None:
    report = walk.report
    report.signed_position = vouched.agreed
    report.epochs = [_epoch(row) for row in lineage.epochs.values()]
    if head is not None:
        report.epoch, report.position = head["epoch"], head["position"]
        await walk.through(head["position"])
        await check_whole(walk.connection, walk, head)
    _undeclared(walk, lineage, vouched)
    _against_the_record(walk, vouched, head)


def _against_the_record(walk: Walk, vouched: Vouched, head: Row | None) -> None:
    """Whatever the chain says of itself: what was signed must still be there, unchanged."""
    report, after = walk.report, vouched.agreed + 1
    if vouched.differs is not None:
        sentence = (
            f"The history after position {vouched.agreed} is not the one that was signed up to {vouched.differs}."
        )
        report.found(replace(walk.damage(Kind.FORK, after, sentence), through=vouched.differs))
    if vouched.missing:
        position = head["position"] if head is not None else 0
        sentence = f"Position {vouched.missing[0][1]} was signed, and the store ends at {position}."
        report.found(walk.damage(Kind.TAIL_CUT, position + 1, sentence))
    if head is not None and head["signed_position"] > vouched.agreed and report.finding is None:
        sentence = (
            f"The store was signed up to position {head['signed_position']}; the outside record does not show it."
        )
        report.found(walk.damage(Kind.RECORD, after, sentence))


def _undeclared(walk: Walk, lineage: Lineage, vouched: Vouched) -> None:
    for epoch, row in lineage.epochs.items():
        if vouched.declared.get(epoch) != (row["after_position"], bytes(row["after_hash"])):
            sentence = f"Epoch {epoch} begins here, and nobody signed that beginning."
            walk.report.found(walk.damage(Kind.FORK, row["after_position"] + 1, sentence))


async def _standing(connection: AsyncConnection[Any], tenant: str) -> tuple[Lineage, Row | None]:
    async with tenant_transaction(connection, tenant) as cursor:
        await cursor.execute("select * from feed_epochs where tenant_id = %s order by epoch", (tenant,))
        epochs = {row["epoch"]: row for row in await cursor.fetchall()}
        await cursor.execute(_STANDING, {"tenant": tenant})
        head = await cursor.fetchone()
    return Lineage(tenant=tenant, epochs=epochs), head


async def _kept(connection: AsyncConnection[Any]) -> Any:
    cursor = await connection.execute("select keep from retention where table_name = 'events'")
    row = await cursor.fetchone()
    assert row is not None, "the time for which events are kept is written down"
    return row[0]


def _epoch(row: Row) -> dict[str, Any]:
    kept = ("epoch", "after_position", "started_at", "started_by", "reason")
    return {name: row[name] for name in kept}


# A tenant whose head is gone is judged by its rows. One statement: one moment.
_STANDING = """select coalesce(h.epoch, l.epoch) as epoch, coalesce(h.position, l.position) as position,
  coalesce(h.hash, ''::bytea) as hash, coalesce(h.signed_position, 0) as signed_position, coalesce(l.position, 0) as last
from (select %(tenant)s::text as tenant_id) t
left join feed_heads h on h.tenant_id = t.tenant_id
left join lateral (
  select position, epoch from seals s where s.tenant_id = t.tenant_id order by position desc limit 1) l on true
where h.tenant_id is not null or l.position is not null"""

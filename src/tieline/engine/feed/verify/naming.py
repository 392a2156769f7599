"""Names the damage at a broken link by trying which story fits: the hashes around it still tell how the rows stood before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from tieline.engine.feed.chain import Link, link
from tieline.engine.feed.verify.findings import Finding, Kind
from tieline.engine.rows import Row, tenant_transaction

WINDOW = 500  # how far around the damage a row's true place is looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """`position` is the first whose row does not follow from `before`."""

    tenant: str
    position: int
    before: bytes
    others: tuple[str, ...]


async def name_damage(connection: AsyncConnection[Any], broken: Broken) -> Finding:
    rows = await _around(connection, broken)
    here = next((row for row in rows if row["position"] == broken.position), None)
    if here is None:
        return _finding(Kind.DELETE, broken, f"The row of position {broken.position} is gone.")
    for tenant in broken.others:
        if link(broken.before, _link(here, tenant)) == bytes(here["hash"]) or await _chained_in(
            connection, tenant, here
        ):
            return _finding(Kind.SWAP, broken, f"The row at position {broken.position} belongs to {tenant}.", here)
    if _belongs_elsewhere(rows, here, broken):
        return _finding(Kind.REORDER, broken, f"The row at position {broken.position} stood at another position.", here)
    following = next((row for row in rows if row["position"] == broken.position + 1), None)
    if following and _fits(broken.before, following, broken, broken.position):
        return _finding(Kind.INSERT, broken, f"A row was put in at position {broken.position}.", here)
    if following and _fits(bytes(here["hash"]), following, broken, broken.position + 2):
        return _finding(
            Kind.DELETE, broken, f"A row was taken out at position {broken.position}, and the rest moved up."
        )
    return await _edited(connection, broken, here)


async def name_missing_event(connection: AsyncConnection[Any], event_id: UUID, others: Sequence[str]) -> str | None:
    """The other firm under which the event stands now, if any."""
    for tenant in others:
        async with tenant_transaction(connection, tenant) as cursor:
            await cursor.execute("select 1 from events where tenant_id = %s and event_id = %s", (tenant, event_id))
            if await cursor.fetchone() is not None:
                return tenant
    return None


async def _edited(connection: AsyncConnection[Any], broken: Broken, here: Row) -> Finding:
    elsewhere = await name_missing_event(connection, here["event_id"], broken.others)
    if elsewhere:
        return _finding(Kind.SWAP, broken, f"Position {broken.position} points to an event of {elsewhere}.", here)
    return _finding(Kind.EDIT, broken, f"The sealed row of position {broken.position} was changed.", here)


def _belongs_elsewhere(rows: Sequence[Row], here: Row, broken: Broken) -> bool:
    """The row, or what it says, fits another position: the hash before that is known, or it was moved together with it."""
    hashes = {row["position"]: bytes(row["hash"]) for row in rows}
    for row in rows:
        place = row["position"]
        if place == broken.position:
            continue
        befores = [hashes[each] for each in (place - 1, place) if each in hashes]
        if any(_fits(before, here, broken, place) for before in befores):
            return True
        if link(broken.before, _link(row, broken.tenant, broken.position)) == bytes(here["hash"]):
            return True
    return False


async def _chained_in(connection: AsyncConnection[Any], tenant: str, row: Row) -> bool:
    """The row follows from what stands right before its position in the other firm's chain."""
    async with tenant_transaction(connection, tenant) as cursor:
        await cursor.execute(
            "select hash from seals where tenant_id = %s and position = any(%s)",
            (tenant, [row["position"] - 1, row["position"]]),
        )
        return any(
            link(bytes(found["hash"]), _link(row, tenant)) == bytes(row["hash"]) for found in await cursor.fetchall()
        )


def _fits(before: bytes, row: Row, broken: Broken, position: int) -> bool:
    return link(before, _link(row, broken.tenant, position)) == bytes(row["hash"])


def _link(row: Row, tenant: str, position: int | None = None) -> Link:
    return Link(
        tenant=tenant, epoch=row["epoch"], position=row["position"] if position is None else position,
        event_id=row["event_id"], recorded_at=row["recorded_at"], lane=row["lane"], lane_seq=row["lane_seq"],
        digest=bytes(row["digest"]),
    )  # fmt: skip


async def _around(connection: AsyncConnection[Any], broken: Broken) -> list[Row]:
    async with tenant_transaction(connection, broken.tenant) as cursor:
        await cursor.execute(
            "select * from seals where tenant_id = %s and position between %s and %s order by position",
            (broken.tenant, broken.position - WINDOW, broken.position + WINDOW),
        )
        return list(await cursor.fetchall())


def _finding(kind: Kind, broken: Broken, sentence: str, row: Row | None = None) -> Finding:
    event_id = str(row["event_id"]) if row else None
    return Finding(kind=kind, tenant=broken.tenant, position=broken.position, sentence=sentence, event_id=event_id)

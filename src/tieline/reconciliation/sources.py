"""The census of a source: everything it lists goes through the ordinary intake, so that a webhook never sent is no loss (L3).

A record that a whole listing does not tell any more is fetched; only a source that says "gone" twice is believed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from tieline.engine.inputs import NewInput, accept
from tieline.engine.rows import Cursor, tenant_transaction, write
from tieline.kit.canonical import digest_of, encode
from tieline.kit.ids import uuid7
from tieline.ports.landscape import TenantSetup
from tieline.ports.systems import Page, SourceItem
from tieline.reconciliation.checking import Batch, Finding, later
from tieline.reconciliation.runs import Run, move, run_of


async def read_pages(pool: AsyncConnectionPool[Any], setup: TenantSetup, run: Run, ends_at: float) -> int:
    """Pages from the stored position on, until `ends_at` (monotonic) or the end of the listing."""
    pages = 0
    async for page in setup.sources[run.system].pages(run.kind, run.token):
        async with pool.connection() as connection:
            run = await _store(connection, run, page)
        pages += 1
        if time.monotonic() >= ends_at:
            return pages
    async with pool.connection() as connection, tenant_transaction(connection, run.tenant) as cursor:
        await move(cursor, run, state="comparing", attempts=0)
    return pages + 1


async def _store(connection: AsyncConnection[Any], run: Run, page: Page) -> Run:
    async with tenant_transaction(connection, run.tenant) as cursor:
        if page.items:
            await hand_in(connection, run, page.items)
        await cursor.execute("select set_config('tieline.tenant', %s, true)", (run.tenant,))
        rows = [{"id": run.prefix + item.source_id, "source": item.source_id} for item in page.items]
        await write(cursor, _SEEN, rows, run.tenant, run.run_id)
        await move(cursor, run, token=page.cursor, listed=run.listed + len(rows), attempts=0)
        await cursor.execute("select * from census_runs where tenant_id = %s and run_id = %s", (run.tenant, run.run_id))
        row = await cursor.fetchone()
    assert row is not None
    return run_of(row)


async def hand_in(connection: AsyncConnection[Any], run: Run, items: Sequence[SourceItem]) -> None:
    """As polling hands in: the same keys, so that what polling knows is known."""
    inputs = [
        NewInput(
            tenant=run.tenant, channel="poll", system=run.system, topic=item.topic, source_id=item.source_id,
            dedup=digest_of("poll", run.system, item.topic, item.source_id, item.source_version),
            body=encode(item.body), source_version=item.source_version, correlation_id=uuid7(), principal=run.system,
        )
        for item in items
    ]  # fmt: skip
    await accept(connection, inputs)


async def compare_source(cursor: Cursor, run: Run) -> None:
    """Records that we took from this source and that a whole listing did not tell."""
    if run.mode == "full":
        await cursor.execute(_UNSEEN, {"tenant": run.tenant, "run": run.run_id, "system": run.system, "topic": run.kind,
                                       "prefix": run.prefix, "started": run.started_at})  # fmt: skip
    await move(cursor, run, state="checking", compared=run.listed)


async def fetch_suspects(
    connection: AsyncConnection[Any], setup: TenantSetup, run: Run, batch: Batch, now: datetime
) -> list[Finding]:
    """Asked for one by one: what is there after all is handed in, what is gone is asked for once more, then believed."""
    ids = [suspect["replica_id"].removeprefix(run.prefix) for suspect in batch.suspects]
    found = await setup.sources[run.system].fetch(run.kind, ids)
    there = [item for item in found if item is not None]
    if there:
        await hand_in(connection, run, there)
    return [
        Finding(suspect=suspect, state="cleared")
        if item is not None
        else later(suspect, now)
        if suspect["attempts"] == 0
        else Finding(suspect=suspect, state="found", kind="missing")
        for suspect, item in zip(batch.suspects, found, strict=True)
    ]


_SEEN: LiteralString = """insert into census_seen (tenant_id, run_id, replica_id, external_id, fields, external)
select %s, %s, id, source, '{}', '{}' from jsonb_to_recordset(%s::jsonb) as r(id text, source text) on conflict do nothing"""
_UNSEEN: LiteralString = """insert into census_drift (tenant_id, run_id, replica_id, class, lane)
select distinct on (i.source_id) i.tenant_id, %(run)s, %(prefix)s || i.source_id, 'missing', i.lane
from inputs i where i.tenant_id = %(tenant)s and i.system = %(system)s and i.topic = %(topic)s and i.status = 'applied'
  and i.settled_at < %(started)s and not exists (select 1 from census_seen s where s.tenant_id = i.tenant_id
    and s.run_id = %(run)s and s.replica_id = %(prefix)s || i.source_id)
order by i.source_id, i.received_at desc on conflict do nothing"""

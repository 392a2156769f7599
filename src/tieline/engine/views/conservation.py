"""L2: every accepted input is in exactly one state, and each that was not applied says why and whose turn it is."""

from __future__ import annotations

from typing import LiteralString

from tieline.engine.rows import Cursor, Row


async def conservation(cursor: Cursor) -> Row:
    """`counts` per status, `unfinished` intake rows, `unexplained`: no reason or owner."""
    await cursor.execute(_SQL)
    row = await cursor.fetchone()
    assert row is not None, "an aggregate answers one row"
    return row


_SQL: LiteralString = """
with mine as (select current_setting('tieline.tenant') as tenant_id)
select
  (select coalesce(jsonb_object_agg(status, n), '{}') from (
    select status, count(*) as n from inputs join mine using (tenant_id) group by status) as x) as counts,
  (select count(*) from inputs join mine using (tenant_id)) as accepted,
  (select count(*) from input_keys join mine using (tenant_id)) as keys,
  (select count(*) from intake join mine using (tenant_id)) as unfinished,
  (select count(*) from inputs join mine using (tenant_id)
    where status in ('rejected', 'dead', 'ambiguous') and (reason is null or owner is null)) as unexplained,
  (select count(*) from inputs i join mine using (tenant_id) where status = 'accepted'
    and not exists (select 1 from intake k where k.tenant_id = i.tenant_id and k.input_id = i.input_id)) as forgotten"""

"""How far one request got: all that carries its correlation."""

from __future__ import annotations

from typing import LiteralString
from uuid import UUID

from tieline.engine.rows import Cursor, Row


async def operation(cursor: Cursor, correlation_id: UUID) -> Row | None:
    """None when nothing carries the correlation. `state` is running, blocked, refused or done."""
    await cursor.execute(_SQL, {"id": correlation_id})
    row = await cursor.fetchone()
    if row is None or not (row["inputs"] or row["approvals"] or row["effects"] or row["replicas"]):
        return None
    return {**row, "state": _state(row)}


def _state(row: Row) -> str:
    inputs, replicas = row["inputs"] or {}, row["replicas"] or {}
    if row["holds"] or {"ambiguous", "held", "differs"} & replicas.keys():
        return "blocked"
    if {"rejected", "dead"} & inputs.keys():
        return "refused"
    if "accepted" in inputs or {"waiting", "pending", "sending", "unknown", "written"} & replicas.keys():
        return "running"
    return "done"


_SQL: LiteralString = """
with mine as (select current_setting('tieline.tenant') as tenant_id)
select
  (select jsonb_object_agg(status, n) from (select status, count(*) as n from inputs join mine using (tenant_id)
    where correlation_id = %(id)s group by status) as x) as inputs,
  (select max(reason) from inputs join mine using (tenant_id) where correlation_id = %(id)s) as reason,
  (select jsonb_agg(distinct lane) from (
    select lane from inputs join mine using (tenant_id) where correlation_id = %(id)s and lane is not null
    union select lane from approvals join mine using (tenant_id) where correlation_id = %(id)s) as x) as lanes,
  (select count(*) from approvals join mine using (tenant_id) where correlation_id = %(id)s) as approvals,
  (select jsonb_object_agg(state, n) from (select state, count(*) as n from effects join mine using (tenant_id)
    where correlation_id = %(id)s group by state) as x) as effects,
  (select jsonb_object_agg(status, n) from (select status, count(*) as n from replicas join mine using (tenant_id)
    where correlation_id = %(id)s group by status) as x) as replicas,
  (select jsonb_agg(jsonb_build_object('hold_id', hold_id, 'code', code, 'owner', owner, 'sentence', sentence,
    'way_out', way_out)) from holds join mine using (tenant_id)
    where correlation_id = %(id)s and lifted_at is null) as holds"""

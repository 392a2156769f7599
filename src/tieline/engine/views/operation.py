"""How far one request got: all that carries its correlation."""

from __future__ import annotations

from typing import LiteralString
from uuid import UUID

from tieline.engine.rows import Cursor, Row


async def operation(cursor: Cursor, correlation_id: UUID) -> Row | None:
    """None when nothing carries the correlation. `state` is running, blocked, refused or done."""
    await cursor.execute(_SQL, {"id": correlation_id})
    row = await cursor.fetchone()
    if row is None or not (row["inputs"] or row["approvals"] or row["effects"] or row["replicas"] or row["orders"]):
        return None
    waking, orders = row.pop("waking"), row.pop("orders")
    state = _state(row)
    return {**row, "state": "running" if waking and (orders or state == "done") else state}


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
with mine as (select current_setting('tieline.tenant') as tenant_id),
ordered as (select lane, data from events join mine using (tenant_id)
  where correlation_id = %(id)s and type in ('dev.tieline.hold.retried.v1', 'dev.tieline.hold.settled.v1')),
subjects as (select data->>'subject' as subject from ordered where data ? 'subject'
  union select jsonb_array_elements_text(data->'subjects') from ordered where data ? 'subjects'),
again as (select jsonb_array_elements_text(data->'input_ids')::uuid as input_id from ordered where data ? 'input_ids')
select
  (select count(*) from ordered) as orders,
  (select count(*) from (
    select lane from ordered union select lane from approvals join mine using (tenant_id) where correlation_id = %(id)s
    union select lane from inputs join mine using (tenant_id) where correlation_id = %(id)s
    union select planned_by from replicas join mine using (tenant_id) where correlation_id = %(id)s) as l
    where exists (select from lane_dirty d join mine using (tenant_id) where d.lane = l.lane)) as waking,
  (select jsonb_object_agg(status, n) from (select status, count(*) as n from inputs join mine using (tenant_id)
    where correlation_id = %(id)s or input_id in (select input_id from again) group by status) as x) as inputs,
  (select max(reason) from inputs join mine using (tenant_id)
    where correlation_id = %(id)s or input_id in (select input_id from again)) as reason,
  (select jsonb_agg(distinct lane) from (
    select lane from inputs join mine using (tenant_id) where correlation_id = %(id)s and lane is not null
    union select lane from approvals join mine using (tenant_id) where correlation_id = %(id)s
    union select lane from ordered) as x) as lanes,
  (select count(*) from approvals join mine using (tenant_id) where correlation_id = %(id)s) as approvals,
  (select jsonb_object_agg(state, n) from (select state, count(*) as n from effects join mine using (tenant_id)
    where correlation_id = %(id)s group by state) as x) as effects,
  (select jsonb_object_agg(status, n) from (select status, count(*) as n from replicas join mine using (tenant_id)
    where correlation_id = %(id)s or replica_id in (select subject from subjects) group by status) as x) as replicas,
  (select jsonb_agg(jsonb_build_object('hold_id', hold_id, 'code', code, 'owner', owner, 'sentence', sentence,
    'way_out', way_out)) from holds join mine using (tenant_id)
    where (correlation_id = %(id)s or subject in (select subject from subjects)) and lifted_at is null) as holds"""

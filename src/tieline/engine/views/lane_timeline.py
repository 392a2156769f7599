"""What happened in one lane, in order of time: events, effects, holds raised and lifted, approvals."""

from __future__ import annotations

from typing import LiteralString

from tieline.engine.rows import Cursor, Row


async def lane_timeline(cursor: Cursor, lane: str, *, limit: int = 500) -> list[Row]:
    """The newest `limit` entries, oldest first. `entry` is event, effect, hold_raised, hold_lifted or approval."""
    await cursor.execute(_SQL, {"lane": lane, "limit": limit})
    return list(reversed(await cursor.fetchall()))


_SQL: LiteralString = """
with mine as (select current_setting('tieline.tenant') as tenant_id, %(lane)s::text as lane)
select * from (
  select e.recorded_at as at, 'event' as entry, e.lane_seq as seq, e.type as name, e.subject, e.actor, e.data as detail,
    e.correlation_id from events e join mine using (tenant_id, lane)
  union all
  select coalesce(f.settled_at, f.intended_at), 'effect', f.revision, f.verb || ' ' || f.kind, f.replica_id, f.actor,
    jsonb_build_object('system', f.system, 'state', f.state, 'op_class', f.op_class, 'attempt', f.attempt,
      'external', f.external, 'approver', f.approver), f.correlation_id
  from effects f join mine using (tenant_id, lane)
  union all
  select h.since, 'hold_raised', null, h.code, h.subject, h.owner,
    jsonb_build_object('hold_id', h.hold_id, 'sentence', h.sentence, 'way_out', h.way_out, 'amount', h.amount::text,
      'currency', h.currency), h.correlation_id
  from holds h join mine using (tenant_id, lane)
  union all
  select h.lifted_at, 'hold_lifted', null, h.code, h.subject, h.owner, jsonb_build_object('hold_id', h.hold_id),
    h.correlation_id from holds h join mine using (tenant_id, lane) where h.lifted_at is not null
  union all
  select a.approved_at, 'approval', null, 'approved', a.subject, a.principal,
    jsonb_build_object('digest', encode(a.digest, 'hex')), a.correlation_id
  from approvals a join mine using (tenant_id, lane)) as entries
order by at desc, entry desc, seq desc nulls last limit %(limit)s"""

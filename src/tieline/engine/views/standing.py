"""How a lane stands, from counts over its replicas, holds and plans. One definition for every page, answer and alert."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, LiteralString

State = Literal["blocked", "awaiting_approval", "moving", "in_step"]

# Laterals over a row source named `l` with columns of `lanes`; Holds with most money come first.
COUNTS: LiteralString = """
cross join lateral (
  select count(*) filter (where r.status in ('ambiguous', 'held', 'differs')) as stuck,
    count(*) filter (where r.status = 'awaiting_approval') as awaiting,
    count(*) filter (where r.status in ('waiting', 'pending', 'sending', 'unknown', 'written')) as moving,
    count(*) filter (where r.status = 'in_step') as in_step, count(*) as replicas,
    min(r.next_actor) filter (where r.status = 'awaiting_approval') as approver,
    min(r.next_actor) filter (where r.status in ('ambiguous', 'held', 'differs')) as stuck_actor
  from replicas r where r.tenant_id = l.tenant_id and r.lane = l.lane) as counted
cross join lateral (
  select count(*) as open_plans from plans p
  where p.tenant_id = l.tenant_id and p.lane = l.lane and p.state = 'proposed') as planned_changes
cross join lateral (
  select count(*) as open_holds, array_agg(distinct h.code) as hold_codes,
    (array_agg(jsonb_build_object('hold_id', h.hold_id, 'code', h.code, 'owner', h.owner, 'sentence', h.sentence,
      'way_out', h.way_out, 'since', h.since) order by h.amount desc nulls last, h.since))[1] as first_hold
  from holds h where h.tenant_id = l.tenant_id and h.lane = l.lane and h.lifted_at is null) as held
cross join lateral (
  select coalesce(jsonb_agg(jsonb_build_object('amount', m.amount::text, 'currency', m.currency) order by m.currency),
    '[]') as money
  from (select h.currency, sum(h.amount) as amount from holds h
    where h.tenant_id = l.tenant_id and h.lane = l.lane and h.lifted_at is null and h.amount is not null
    group by h.currency) as m) as stake
cross join lateral (
  select count(*) as hindered, (array_agg(jsonb_build_object('hold_id', h.hold_id, 'code', h.code, 'owner', h.owner,
      'sentence', h.sentence, 'way_out', h.way_out, 'since', h.since) order by h.since))[1] as hindering_hold
  from replicas r join waits w on w.tenant_id = r.tenant_id and w.replica_id = r.replica_id
  join replicas b on b.tenant_id = w.tenant_id and b.replica_id = w.on_replica and b.lane <> r.lane
  join holds h on h.tenant_id = b.tenant_id and h.lane = b.lane and h.lifted_at is null
  where r.tenant_id = l.tenant_id and r.lane = l.lane) as elsewhere"""

COLUMNS: LiteralString = """l.lane, l.legal_entity, l.wanted, l.planned, l.wake_at, l.flow_error, l.correlation_id,
  counted.*, planned_changes.open_plans, held.open_holds, held.hold_codes,
  coalesce(held.first_hold, elsewhere.hindering_hold) as first_hold, elsewhere.hindered, stake.money,
  exists (select 1 from lane_dirty d where d.tenant_id = l.tenant_id and d.lane = l.lane) as dirty"""


def state_of(row: Mapping[str, Any]) -> State:
    if row["open_holds"] or row["stuck"] or row["hindered"] or row["flow_error"]:
        return "blocked"
    if row["awaiting"] or row["open_plans"]:
        return "awaiting_approval"
    if row["moving"] or row["dirty"] or row["wanted"] != row["planned"]:
        return "moving"
    return "in_step"

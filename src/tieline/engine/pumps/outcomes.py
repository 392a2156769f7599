"""Outcomes, many per transaction: effects settle, replicas move on, what waited becomes due, planners are woken."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import AsyncConnection

from tieline.engine.budgets.criticality import of_nature
from tieline.engine.crashpoints import crash_point
from tieline.engine.holds import NewHold, raise_holds
from tieline.engine.lanes import wake
from tieline.engine.leases import Leases, fence_sent
from tieline.engine.pumps.begun import GoOn, nothing_begun
from tieline.engine.pumps.calls import Outcome
from tieline.engine.pumps.evidence import of_call
from tieline.engine.pumps.intents import Claim
from tieline.engine.rows import Cursor, Row, ask, tenant_transaction, write
from tieline.kit.canonical import plain
from tieline.ports.landscape import TenantSetup


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What a flush brought about: claims that are due now, and whether a lane was woken."""

    due: Sequence[Claim] = ()
    woken: bool = False


async def flush_outcomes(
    connection: AsyncConnection[Any],
    leases: Leases,
    setup: TenantSetup,
    outcomes: Sequence[Outcome],
    now: datetime,
    go_on: GoOn = nothing_begun,
) -> Stored:
    """Store what became of these effects. Raises LeaseLost: then they are the successor's to find out.

    `go_on` may begin, in the same transaction, what has become due by it, and returns what it left.
    """
    outcomes = [
        o for o in outcomes if leases.held.get(o.sending.shard) == o.sending.epoch
    ]  # older epochs were taken over
    async with tenant_transaction(connection, setup.tenant) as cursor:
        fenced = await fence_sent(cursor, leases, {o.sending.shard for o in outcomes})
        locked = await ask(cursor, _LOCK, (setup.tenant, sorted({o.sending.replica_id for o in outcomes})))
        await fenced.check()
        replicas = {row["replica_id"]: row for row in await locked.fetchall()}
        moves = [_move(outcome, replicas[outcome.sending.replica_id], now) for outcome in outcomes]
        settled = [_effect(o, now) | move for o, move in zip(outcomes, moves, strict=True)]
        await write(cursor, _SETTLE, settled, setup.tenant)
        freed = await release_waiting(cursor, setup.tenant, [move for move in moves if move["settled"]], now)
        await _tell(cursor, setup, outcomes, replicas)
        lanes = await lanes_concerned(cursor, setup.tenant, [m for m in moves if m["wakes"]])
        await wake(cursor, setup.tenant, lanes)
        due = [{"tenant_id": setup.tenant, **move} for move in moves if move["step"] and move["due_at"] <= now]
        left = await go_on(cursor, [*due, *freed])
        crash_point("before_outcome_commit")
    crash_point("after_outcome_commit")
    return Stored(due=left, woken=bool(lanes))


def _effect(outcome: Outcome, now: datetime) -> dict[str, Any]:
    verdict, sending = outcome.verdict, outcome.sending
    settled = verdict.state in ("ok", "ambiguous") or verdict.next == "hold"
    return {
        "k": sending.key, "intended_at": sending.intended_at, "state": verdict.state, "settled_at": now if settled else None,
        "answered": plain(outcome.ref) if outcome.ref else None,
        "outcome": {"code": verdict.code, "detail": verdict.detail} if verdict.code else None,
        "settle_after": now + timedelta(seconds=verdict.delay_s) if verdict.state == "unknown" else None, "forget": settled,
    }  # fmt: skip


def _move(outcome: Outcome, replica: Row, now: datetime) -> dict[str, Any]:
    """Where the replica stands now, and what is due next."""
    verdict, sending = outcome.verdict, outcome.sending
    move = {
        "replica_id": replica["replica_id"], "lane": replica["lane"], "planned_by": replica["planned_by"],
        "system": replica["system"], "shard": replica["shard"], "settled_revision": replica["settled_revision"],
        "confirmed_revision": replica["confirmed_revision"], "external": replica["external"],
        "attempts": replica["attempts"] + 1, "fence_until": replica["fence_until"], "problem": None, "step": None,
        "due_at": now, "settled": False, "wakes": False, "next_actor": replica["system"], "priority": int(of_nature(sending.nature)),
    }  # fmt: skip
    if verdict.state == "ok":
        return move | _settled(outcome, replica, now)
    move["problem"] = {"code": verdict.code, "detail": verdict.detail}
    move["wakes"] = replica["attempts"] == 0  # whoever waited for this one's end hears that it takes longer
    move["due_at"] = now + timedelta(seconds=verdict.delay_s * random.uniform(1.0, 1.25))  # jitter only: no waves (V3)
    match verdict.next:
        case "retry" if outcome.step == "look" and verdict.state == "unknown":
            return move | {"status": "unknown", "step": "look"}
        case "retry":
            return move | {"status": "pending", "step": "push"}
        case "repeat":
            return move | {"status": "unknown", "step": "push", "fence_until": _fence(outcome, now)}
        case "look":
            return move | {"status": "unknown", "step": "look", "fence_until": _fence(outcome, now)}
        case "hold":
            return move | {"status": "held", "wakes": True, "next_actor": "owner of the hold"}
    if sending.nature == "notice":
        return move | {
            "status": "ended",
            "settled_revision": sending.envelope.revision,
        }  # told at most once: never again
    return move | {"status": "ambiguous", "wakes": True, "next_actor": "integration"}


def _settled(outcome: Outcome, replica: Row, now: datetime) -> dict[str, Any]:
    sending = outcome.sending
    revision = sending.envelope.revision
    move: dict[str, Any] = {
        "settled_revision": revision, "external": plain(outcome.ref), "attempts": 0, "settled": True, "wakes": False,
    }  # fmt: skip
    if replica["revision"] > revision:  # a newer revision waits for what an unknown earlier send may still do
        fence_until = replica["fence_until"]
        return move | {"status": "pending", "step": "push", "due_at": max(now, fence_until) if fence_until else now}
    if sending.verb == "end":
        return move | {"status": "ended", "confirmed_revision": revision, "wakes": True}
    if sending.operation.observable:
        return move | {"status": "written", "step": "observe"}
    return move | {"status": "in_step", "confirmed_revision": revision, "wakes": True}


def _fence(outcome: Outcome, now: datetime) -> datetime:
    operation = outcome.sending.operation
    return now + operation.max_life + operation.consistency_window


async def release_waiting(cursor: Cursor, tenant: str, settled: Sequence[dict[str, Any]], now: datetime) -> list[Claim]:
    """What waited for these revisions, and now for nothing more, becomes due. Returns what may go at once."""
    if not settled:
        return []
    ended = [{"on": move["replica_id"], "revision": move["settled_revision"]} for move in settled]
    # Two that release the last two waits of one replica at once would each see the other's: one of them looks again.
    await write(cursor, _ONE_OF_THEM, ended, tenant)
    await write(cursor, _FREE, ended, now, tenant)
    return [row for row in await cursor.fetchall() if row["due_at"] <= now]


async def lanes_concerned(cursor: Cursor, tenant: str, moves: Sequence[dict[str, Any]]) -> set[str]:
    """The lane that planned the replica, and for a shared replica every lane that reads a record of its lane."""
    lanes = {move["planned_by"] or move["lane"] for move in moves}
    shared = sorted({move["lane"] for move in moves if move["planned_by"] != move["lane"]})
    if shared:
        await cursor.execute(_READERS, (tenant, shared))
        lanes |= {row["lane"] for row in await cursor.fetchall()}
    return lanes


async def _tell(cursor: Cursor, setup: TenantSetup, outcomes: Sequence[Outcome], replicas: dict[str, Row]) -> None:
    # A notice that may have been told is over: nobody could answer for it.
    over = [o for o in outcomes if o.sending.nature == "notice" and o.verdict.next == "person"]
    told = [o for o in outcomes if o.verdict.tell and o not in over]
    await raise_holds(cursor, setup.tenant, [_hold(setup, o, replicas[o.sending.replica_id]) for o in told])


def _hold(setup: TenantSetup, outcome: Outcome, replica: Row) -> NewHold:
    verdict, sending = outcome.verdict, outcome.sending
    evidence = (
        of_call(replica, effect_key=sending.key, verb=sending.verb, sent_at=sending.intended_at)
        if verdict.next == "person"
        else None
    )
    return push_hold(setup, replica, verdict.code, verdict.detail, evidence)


def push_hold(setup: TenantSetup, replica: Row, code: str, sentence: str, evidence: Any = None) -> NewHold:
    """A hold on one replica, shown on the lane that wants it."""
    advice, code = setup.advise(code), code.upper()
    return NewHold(
        lane=replica["planned_by"] or replica["lane"], source="push", code=code, subject=replica["replica_id"],
        owner=advice.owner, sentence=f"{replica['system']}: {sentence}", way_out=advice.way_out, evidence=evidence,
        case_key=f"{code}/{replica['system']}", correlation_id=replica["correlation_id"],
    )  # fmt: skip


_LOCK = "select * from replicas where tenant_id = %s and replica_id = any(%s) order by replica_id for update"
_SETTLE = """with r as materialized (
  select %s::text as tenant_id, decode(x.k, 'hex') as key, x.* from jsonb_to_recordset(%s::jsonb) as x(k text,
    intended_at timestamptz, state text, settled_at timestamptz, answered jsonb, outcome jsonb, settle_after timestamptz,
    forget boolean, replica_id text, status text, settled_revision int, confirmed_revision int, external jsonb, attempts int,
    problem jsonb, fence_until timestamptz, next_actor text, system text, shard smallint, step text, due_at timestamptz,
    priority smallint, settled boolean)),
closed as (
  update effects e set state = r.state, settled_at = r.settled_at, external = coalesce(r.answered, e.external),
    outcome = r.outcome, settle_after = r.settle_after, payload = case when r.forget then null else e.payload end
  from r where e.tenant_id = r.tenant_id and e.intended_at = r.intended_at and e.effect_key = r.key),
moved as (
  update replicas p set status = r.status, settled_revision = r.settled_revision,
    confirmed_revision = r.confirmed_revision, external = r.external, attempts = r.attempts, problem = r.problem,
    fence_until = r.fence_until, next_actor = r.next_actor, updated_at = now()
  from r where p.tenant_id = r.tenant_id and p.replica_id = r.replica_id),
lifted as (
  update holds h set lifted_at = now() from r
  where r.settled and h.tenant_id = r.tenant_id and h.source = 'push' and h.subject = r.replica_id and h.lifted_at is null)
insert into due (tenant_id, replica_id, system, shard, step, due_at, priority)
select tenant_id, replica_id, system, shard, step, due_at, priority from r where step is not null
on conflict (tenant_id, replica_id) do update set step = excluded.step, due_at = excluded.due_at"""
_ONE_OF_THEM = """select 1 from replicas r where r.status = 'waiting' and (r.tenant_id, r.replica_id) in (
  select w.tenant_id, w.replica_id from waits w
  join (select %s::text as tenant_id, x.* from jsonb_to_recordset(%s::jsonb) as x("on" text, revision int)) e
    on w.tenant_id = e.tenant_id and w.on_replica = e."on" and w.on_revision <= e.revision)
order by r.replica_id for update"""
_FREE = """with given as (select %s::timestamptz as now),
ended as materialized (
  select %s::text as tenant_id, x.* from jsonb_to_recordset(%s::jsonb) as x("on" text, revision int)),
gone as (
  delete from waits w using ended e where w.tenant_id = e.tenant_id and w.on_replica = e."on" and w.on_revision <= e.revision
  returning w.tenant_id, w.replica_id),
freed as (
  update replicas r set status = 'pending', updated_at = now() from (select distinct tenant_id, replica_id from gone) g
  where r.tenant_id = g.tenant_id and r.replica_id = g.replica_id and r.status = 'waiting'
    and not exists (select 1 from waits w where w.tenant_id = r.tenant_id and w.replica_id = r.replica_id
      and not exists (select 1 from ended e where e."on" = w.on_replica and w.on_revision <= e.revision))
  returning r.tenant_id, r.replica_id, r.system, r.shard, r.nature, r.fence_until)
insert into due (tenant_id, replica_id, system, shard, step, due_at, priority)
select tenant_id, replica_id, system, shard, 'push', greatest(fence_until, now),
  case nature when 'act' then 1 when 'movement' then 3 when 'state' then 5 else 7 end from freed, given
on conflict (tenant_id, replica_id) do update set step = 'push', due_at = excluded.due_at
returning tenant_id, replica_id, system, shard, step, due_at"""
_READERS = """select distinct d.lane from dependencies d
join records r on r.tenant_id = d.tenant_id and r.kind = d.kind and r.record_id = d.record_id
where d.tenant_id = %s and r.lane = any(%s)"""

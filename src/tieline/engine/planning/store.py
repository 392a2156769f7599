"""Write what planning found, set-based: movements, replicas with what they wait for, plans, holds, events, lanes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from tieline.engine.events import NewEvent, append_events, new_causes
from tieline.engine.holds import NewHold, lift, lift_subjects, raise_holds
from tieline.engine.lanes import lane_row, lock_lanes, set_lanes
from tieline.engine.planning.lane_plan import LanePlan
from tieline.engine.planning.proposals import store_proposals
from tieline.engine.planning.replicas import store_replicas
from tieline.engine.pumps.intents import Claim
from tieline.engine.rows import Cursor, Row, write
from tieline.kit.canonical import digest, digest_of
from tieline.kit.ids import uuid7
from tieline.ports.decisions import Fact, Hold, Mark, Movement, WakeAt
from tieline.ports.landscape import TenantSetup

HOLD_RAISED = "dev.tieline.hold.raised.v1"
HOLD_LIFTED = "dev.tieline.hold.lifted.v1"


async def store_plans(
    cursor: Cursor,
    setup: TenantSetup,
    plans: Sequence[LanePlan],
    moment: datetime,
    now: datetime,
) -> Sequence[Claim]:
    """All writes of one planning transaction.

    `moment` is the business instant that was planned for; what is due to systems is due by the wall clock's `now`.
    Returns what it put into the queue of the pump.
    """
    journal = _Journal(setup, moment)
    foreign = {i.wanted.lane for p in plans for i in p.apply} - {p.state.name for p in plans}
    await lock_lanes(cursor, setup.tenant, foreign, create=True)
    await _mint(cursor, setup.tenant, plans)
    await store_marks(cursor, setup.tenant, [mark for plan in plans for mark in plan.decided.of(Mark)])
    await _tell_once(cursor, setup.tenant, plans)
    queued = await store_replicas(cursor, setup, plans, now)
    await store_proposals(cursor, setup, plans, journal.add)
    await _settle_holds(cursor, setup, plans, journal)
    await _establish_facts(cursor, setup, plans, journal)
    await append_events(cursor, setup.tenant, journal.events)
    await set_lanes(cursor, setup.tenant, [_lane(plan, journal) for plan in plans])
    return queued


async def answer(cursor: Cursor, tenant: str, seen: Mapping[str, int]) -> None:
    """Take away the wake-ups (lane -> newest that was read) that this planning answers."""
    await write(cursor, _ANSWERED, [{"lane": lane, "upto": upto} for lane, upto in seen.items()], tenant)


async def store_marks(cursor: Cursor, tenant: str, marks: Sequence[Mark]) -> None:
    """What is open about records from now on; a mark said twice changes nothing."""
    added: dict[tuple[str, str], set[str]] = defaultdict(set)
    dropped: dict[tuple[str, str], set[str]] = defaultdict(set)
    for mark in marks:
        added[(mark.kind, mark.id)] |= set(mark.add)
        dropped[(mark.kind, mark.id)] |= set(mark.drop)
    rows = [
        {"kind": key[0], "id": key[1], "add": sorted(added[key]), "drop": sorted(dropped[key])}
        for key in sorted(added.keys() | dropped.keys())
    ]
    await write(cursor, _MARK, rows, tenant)


class _Journal:
    """Numbers the events of each locked lane."""

    def __init__(self, setup: TenantSetup, moment: datetime) -> None:
        self.setup, self.moment = setup, moment
        self.events: list[NewEvent] = []
        self.seq: dict[Any, int] = {}

    def add(self, plan: LanePlan, event_type: str, subject: str, data: dict[str, Any]) -> None:
        lane = plan.state.lane
        self.setup.check_fact(event_type, data)
        number = int(self.seq.get(lane["lane"]) or lane["lane_seq"]) + 1
        self.seq[lane["lane"]] = number
        self.events.append(
            NewEvent(
                lane=lane["lane"],
                lane_seq=number,
                type=event_type,
                subject=subject,
                data=data,
                correlation_id=lane["correlation_id"] or uuid7(),
                causation_id=lane["causation_id"],
                actor="tieline",
                legal_entity=lane["legal_entity"],
            )  # fmt: skip
        )


async def _tell_once(cursor: Cursor, tenant: str, plans: Sequence[LanePlan]) -> None:
    """A notice is planned at most once per cause, whatever system the role has moved to since."""
    told = {digest_of("notice", item.wanted.cause): item for plan in plans for item in plan.apply if item.wanted.cause}
    fresh = await new_causes(cursor, tenant, list(told))
    stale = {id(item) for key, item in told.items() if key not in fresh and item.action == "create"}
    for plan in plans:
        plan.apply = [item for item in plan.apply if id(item) not in stale]


async def _mint(cursor: Cursor, tenant: str, plans: Iterable[LanePlan]) -> None:
    """A movement and its record appear together, once per cause (unique key); a second minting changes nothing."""
    rows = [_movement(plan, movement) for plan in plans for movement in plan.decided.minted]
    await write(cursor, _MINT, rows, tenant)


def _movement(plan: LanePlan, movement: Movement) -> Row:
    lane = plan.state.lane
    return {
        "cause_key": digest_of(movement.cause).hex(), "kind": movement.kind, "record_id": movement.key,
        "lane": lane["lane"], "amount": movement.amount, "currency": movement.currency,
        "correlation_id": lane["correlation_id"], "legal_entity": lane["legal_entity"],
        "digest": digest(movement.doc).hex(), "doc": movement.doc, "lane_version": lane["wanted"],
        "part": movement.part, "marks": movement.marks,
    }  # fmt: skip


async def _settle_holds(cursor: Cursor, setup: TenantSetup, plans: Sequence[LanePlan], journal: _Journal) -> None:
    """Raise what the flows say, lift what they no longer say, and journal both."""
    fresh: list[NewHold] = []
    gone: list[UUID] = []
    for plan in plans:
        wanted = _holds(plan)
        known = {(row["source"], row["code"], row["subject"]): row for row in plan.state.holds}
        for hold in wanted:
            if (hold.source, hold.code, hold.subject) not in known:
                journal.add(
                    plan, HOLD_RAISED, hold.subject, {"code": hold.code, "owner": hold.owner, "subject": hold.subject}
                )
        if plan.decided.error is None:
            said = {(hold.source, hold.code, hold.subject) for hold in wanted}
            for key in sorted(k for k in known.keys() - said if _was_looked_at(plan, known[k])):
                gone.append(known[key]["hold_id"])
                journal.add(plan, HOLD_LIFTED, key[2], {"code": key[1], "subject": key[2]})
        fresh += wanted
    await raise_holds(cursor, setup.tenant, fresh)
    await lift(cursor, setup.tenant, gone)
    await lift_subjects(cursor, setup.tenant, "push", [i.wanted.replica_id for p in plans for i in p.apply])


def _was_looked_at(plan: LanePlan, hold: Row) -> bool:
    """Silence lifts a hold only where the flow has spoken: on the parts planned now, or on the lane as a whole."""
    return hold["part"] is not None or not plan.state.due.parts


def _holds(plan: LanePlan) -> list[NewHold]:
    if plan.decided.error:
        return [
            NewHold(
                lane=plan.state.name,
                source="engine",
                code="FLOW_DEFECT",
                subject=plan.state.name,
                owner="integration",
                sentence="Tieline could not work out what ought to be true here; everything stays as it is.",
                way_out="This is a defect of ours: send the output of `tieline trace` to the developers.",
                evidence={"error": plan.decided.error},
            )  # fmt: skip
        ]
    return [_flow_hold(plan, hold) for hold in plan.difference.holds]


def _flow_hold(plan: LanePlan, hold: Hold) -> NewHold:
    return NewHold(
        lane=plan.state.name, source="flow", code=hold.code, subject=hold.subject, owner=hold.owner,
        sentence=hold.sentence, way_out=hold.way_out, evidence=hold.evidence, amount=hold.amount,
        currency=hold.currency, correlation_id=plan.state.lane["correlation_id"], part=hold.part,
    )  # fmt: skip


async def _establish_facts(cursor: Cursor, setup: TenantSetup, plans: Sequence[LanePlan], journal: _Journal) -> None:
    facts = [(plan, fact, digest_of(fact.type, fact.cause)) for plan in plans for fact in plan.decided.of(Fact)]
    fresh = await new_causes(cursor, setup.tenant, [key for _, _, key in facts])
    for plan, fact, key in facts:
        if key in fresh:
            fresh.discard(key)
            journal.add(plan, fact.type, fact.subject, fact.data)


def _lane(plan: LanePlan, journal: _Journal) -> Row:
    lane = plan.state.lane
    wakes = [wake_at.at for wake_at in plan.decided.of(WakeAt) if wake_at.part is None]
    wakes += [plan.state.due.wake_at] if plan.state.due.wake_at is not None else []
    partial = plan.state.due.parts != ()  # nothing is planned as a whole before every part is
    unplanned = partial or plan.decided.error is not None
    return lane_row(
        lane, wanted=lane["wanted"], planned=lane["planned"] if unplanned else lane["wanted"],
        lane_seq=int(journal.seq.get(lane["lane"]) or lane["lane_seq"]),
        wake_at=lane["wake_at"] if partial else min((at for at in wakes if at > journal.moment), default=None),
        flow_error=plan.decided.error,
    )  # fmt: skip


_MINT = """with rows as (
  select %s::text as tenant_id, r.* from jsonb_to_recordset(%s::jsonb) as r(cause_key text, kind text, record_id text,
    lane text, amount numeric, currency text, correlation_id uuid, legal_entity text, digest text, doc jsonb,
    lane_version bigint, part text, marks text[])),
minted as (
  insert into movements (tenant_id, cause_key, kind, record_id, lane, amount, currency, correlation_id)
  select tenant_id, decode(cause_key, 'hex'), kind, record_id, lane, amount, currency, correlation_id from rows
  on conflict do nothing returning kind, record_id),
marked as (
  insert into record_marks (tenant_id, lane, mark, kind, record_id, part)
  select r.tenant_id, r.lane, m, r.kind, r.record_id, r.part
  from rows r join minted using (kind, record_id) cross join unnest(r.marks) as m on conflict do nothing)
insert into records (tenant_id, kind, record_id, lane, legal_entity, version, source_system, source_version, digest, doc,
  lane_version, minted, part, marks)
select r.tenant_id, r.kind, r.record_id, r.lane, r.legal_entity, 1, 'tieline', '1', decode(r.digest, 'hex'), r.doc,
  r.lane_version, true, r.part, r.marks
from rows r join minted using (kind, record_id) on conflict do nothing"""
_MARK = """with rows as (
  select %s::text as tenant_id, y.* from jsonb_to_recordset(%s::jsonb) as y(kind text, id text, add text[], drop text[])),
next as (
  select r.tenant_id, r.kind, r.record_id, array(
    select distinct m from unnest(r.marks || x.add) as m where m <> all (x.drop) order by m) as marks
  from records r join rows x on r.tenant_id = x.tenant_id and r.kind = x.kind and r.record_id = x.id),
changed as (
  update records r set marks = n.marks from next n
  where r.tenant_id = n.tenant_id and r.kind = n.kind and r.record_id = n.record_id and r.marks <> n.marks
  returning r.tenant_id, r.lane, r.kind, r.record_id, r.part, r.marks),
gone as (
  delete from record_marks m using changed c join rows x on x.kind = c.kind and x.id = c.record_id
  where m.tenant_id = c.tenant_id and m.lane = c.lane and m.mark = any(x.drop) and m.kind = c.kind and m.record_id = c.record_id)
insert into record_marks (tenant_id, lane, mark, kind, record_id, part)
select c.tenant_id, c.lane, m, c.kind, c.record_id, c.part from changed c cross join unnest(c.marks) as m
on conflict do nothing"""
_ANSWERED = """delete from lane_dirty d
using (select %s::text as tenant_id, r.* from jsonb_to_recordset(%s::jsonb) as r(lane text, upto bigint)) s
where d.tenant_id = s.tenant_id and d.lane = s.lane and d.dirty_id <= s.upto"""

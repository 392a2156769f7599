"""What belongs to parts of a lane, read on top of what belongs to none: the parts due, or what the whole lane still follows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from tieline.engine.planning.load import LaneState, beside_parts, flows_of, records_by_ref, snapshot, to_record
from tieline.engine.planning.parts import each_kinds
from tieline.engine.rows import Cursor, Row, as_json, write
from tieline.kit.canonical import digest
from tieline.ports.flows import Needs, Ref
from tieline.ports.landscape import TenantSetup

Lanes = Mapping[str, LaneState]


def terms_digest(setup: TenantSetup, state: LaneState, now: datetime) -> bytes | None:
    """What every part of a lane depends on. None: a flow cannot tell, and will say so itself when it is run."""
    seen = beside_parts(snapshot(setup, state, now))
    try:
        said = {
            flow.name: flow.each.terms(seen)
            for flow in setup.flows
            if flow.each is not None and state.records.get(flow.root)
        }
        return digest({"configuration": setup.config_version, "terms": said})
    except Exception:  # a flow is code of ours: what it raises is reported where its decisions are
        return None


async def load_parts(cursor: Cursor, setup: TenantSetup, states: Sequence[LaneState], now: datetime) -> None:
    """Complete the states of lanes that have parts. Without any, this asks nothing."""
    divided = {state.name: state for state in states if state.due.any}
    if not divided:
        return
    await _load_due(cursor, setup, {name: state for name, state in divided.items() if state.due.parts})
    whole = {name: state for name, state in divided.items() if not state.due.parts}
    await _load_followed(cursor, setup, whole)
    await _load_needed(cursor, setup, whole, now)


async def _load_due(cursor: Cursor, setup: TenantSetup, states: Lanes) -> None:
    rows = [{"lane": name, "part": part} for name, state in states.items() for part in state.due.parts]
    await _whole_parts(cursor, setup, states, rows)
    await write(cursor, _HOLDS, rows, setup.tenant)
    for hold in await cursor.fetchall() if rows else []:
        states[hold["lane"]].holds.append(hold)


async def _whole_parts(cursor: Cursor, setup: TenantSetup, states: Lanes, parts: Sequence[Row]) -> None:
    """The divided records of these parts, and all that belongs to each of them wherever it is."""
    if not parts:
        return
    await cursor.execute(_OF_PARTS, (setup.tenant, _json(parts), list(each_kinds(setup))))
    rows = await cursor.fetchall()
    for row in rows:
        states[row["lane"]].records[row["kind"]][row["record_id"]] = to_record(row)
    await _load_beside(cursor, setup, states, rows)


async def _load_beside(cursor: Cursor, setup: TenantSetup, states: Lanes, rows: Iterable[Row]) -> None:
    """By identity, since a record that has moved to another part keeps what it brought about."""
    kinds = each_kinds(setup)
    refs: dict[Ref, str] = {}
    for row in rows:
        lane = str(row["lane"])
        refs |= dict.fromkeys(kinds[row["kind"]].beside(setup.tenant, to_record(row)), lane)
    for row in await records_by_ref(cursor, setup.tenant, refs):
        record = to_record(row)
        states[refs[Ref(kind=record.kind, id=record.id)]].records[record.kind][record.id] = record
    names = {f"{system}/{ref.kind}/{ref.id}": lane for ref, lane in refs.items() for system in setup.systems}
    await cursor.execute(_REPLICAS, (setup.tenant, list(names)))
    for row in await cursor.fetchall():
        states[names[row["replica_id"]]].replicas[row["replica_id"]] = row


async def _load_followed(cursor: Cursor, setup: TenantSetup, states: Lanes) -> None:
    """Parts that flows of the whole lane follow until they are done, with their replicas."""
    marks = sorted({mark for state in states.values() for flow in flows_of(setup, state) for mark in flow.follows})
    if not marks:
        return
    given = {"tenant": setup.tenant, "lanes": sorted(states), "marks": marks}
    await cursor.execute(_FOLLOWED, given)
    for row in await cursor.fetchall():
        states[row["lane"]].records[row["kind"]][row["record_id"]] = to_record(row)
    await cursor.execute(_FOLLOWED_REPLICAS, given)
    for row in await cursor.fetchall():
        states[row["lane"]].replicas[row["replica_id"]] = row


async def _load_needed(cursor: Cursor, setup: TenantSetup, states: Lanes, now: datetime) -> None:
    asked = {name: _needs(setup, state, now) for name, state in states.items()}
    loose = [{"lane": name, "mark": mark} for name, needs in asked.items() for mark in sorted(needs.records)]
    await write(cursor, _MARKED, loose, setup.tenant)
    for row in await cursor.fetchall() if loose else []:
        states[row["lane"]].records[row["kind"]][row["record_id"]] = to_record(row)
    whole = [{"lane": name, "mark": mark} for name, needs in asked.items() for mark in sorted(needs.parts)]
    await write(cursor, _MARKED_PARTS, whole, setup.tenant)
    await _whole_parts(cursor, setup, states, await cursor.fetchall() if whole else [])


def _needs(setup: TenantSetup, state: LaneState, now: datetime) -> Needs:
    seen = snapshot(setup, state, now)
    said = [flow.needs(seen) for flow in flows_of(setup, state) if flow.each is None]
    return Needs(
        parts=frozenset().union(*(needs.parts for needs in said)),
        records=frozenset().union(*(needs.records for needs in said)),
    )


def _json(rows: Iterable[Row]) -> str:
    return as_json([{"lane": row["lane"], "part": row["part"]} for row in rows])


_OF_PARTS = """select r.* from records r
join (select %s::text as tenant_id, x.* from jsonb_to_recordset(%s::jsonb) as x(lane text, part text)) p
  on r.tenant_id = p.tenant_id and r.lane = p.lane and r.part = p.part
where r.kind = any(%s)"""
_HOLDS = """select h.* from holds h
join (select %s::text as tenant_id, x.* from jsonb_to_recordset(%s::jsonb) as x(lane text, part text)) p
  on h.tenant_id = p.tenant_id and h.lane = p.lane and h.part = p.part
where h.lifted_at is null and h.source = 'flow'"""
_REPLICAS = "select * from replicas where tenant_id = %s and replica_id = any(%s)"
_FOLLOWED = """select r.* from (
  select distinct m.lane, m.part from record_marks m
  where m.tenant_id = %(tenant)s and m.lane = any(%(lanes)s) and m.mark = any(%(marks)s) and m.part is not null) p
join records r on r.tenant_id = %(tenant)s and r.lane = p.lane and r.part = p.part"""
_FOLLOWED_REPLICAS = """select r.* from (
  select distinct m.lane, m.part from record_marks m
  where m.tenant_id = %(tenant)s and m.lane = any(%(lanes)s) and m.mark = any(%(marks)s) and m.part is not null) p
join replicas r on r.tenant_id = %(tenant)s and r.lane = p.lane and r.part = p.part"""
_MARKED = """select r.* from (
  select distinct m.tenant_id, m.kind, m.record_id from record_marks m
  join (select %s::text as tenant_id, x.* from jsonb_to_recordset(%s::jsonb) as x(lane text, mark text)) p
    on m.tenant_id = p.tenant_id and m.lane = p.lane and m.mark = p.mark) k
join records r on r.tenant_id = k.tenant_id and r.kind = k.kind and r.record_id = k.record_id"""
_MARKED_PARTS = """select distinct m.lane, m.part from record_marks m
join (select %s::text as tenant_id, x.* from jsonb_to_recordset(%s::jsonb) as x(lane text, mark text)) p
  on m.tenant_id = p.tenant_id and m.lane = p.lane and m.mark = p.mark
where m.part is not null"""

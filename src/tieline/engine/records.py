"""Records: one canonical entity each, versioned. An input version becomes a record version, is superseded, or is a no-op.

Record, history, journal event and wake-up are one transaction under the lane's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from tieline.engine.events import NewEvent, append_events
from tieline.engine.fanout import tell_readers
from tieline.engine.lanes import lane_row, lock_lanes, set_lanes, wake
from tieline.engine.planning.parts import parts_changed
from tieline.engine.rows import Cursor, Row, write
from tieline.kit.canonical import Json, digest
from tieline.ports.systems import Change

Describe = Callable[[Change], tuple[str, dict[str, Json]] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One change on its way into the records, with where it came from."""

    change: Change
    system: str
    input_id: UUID
    correlation_id: UUID
    actor: str


@dataclass(slots=True)
class Applied:
    """How each input ended: `changed` made a new version, `unchanged` said nothing new, `stale` came too late (O2)."""

    changed: set[UUID] = field(default_factory=set)
    unchanged: set[UUID] = field(default_factory=set)
    stale: set[UUID] = field(default_factory=set)
    lanes: dict[UUID, str] = field(default_factory=dict)


async def apply_changes(
    cursor: Cursor,
    tenant: str,
    arrivals: Sequence[Arrival],
    describe: Describe,
    now: datetime,
    part_of: Callable[[Change], str | None] = lambda change: None,
) -> Applied:
    """Apply in the given order. Idempotent: a second delivery of a version changes nothing.

    `describe` names the business event that a change is, with its data; every accepted version is journaled (A3).
    `part_of`: the part of its lane that a change belongs to, if any.
    """
    keys = {(a.change.kind, a.change.id) for a in arrivals}
    lanes = await lock_lanes(cursor, tenant, {a.change.lane for a in arrivals}, create=True)
    known = {(r["kind"], r["record_id"]): r for r in await _load(cursor, tenant, keys)}
    applied, versions, events = Applied(), [], []
    touched: dict[str, dict[str, Any]] = {}
    parts: list[Row] = []
    for arrival in arrivals:
        change, lane = arrival.change, lanes[arrival.change.lane]
        applied.lanes[arrival.input_id] = change.lane
        verdict = _judge(known.get((change.kind, change.id)), change)
        getattr(applied, verdict).add(arrival.input_id)
        if verdict != "changed":
            continue
        state = touched.setdefault(change.lane, {"wanted": lane["wanted"] + 1, "seq": lane["lane_seq"]})
        before = known.get((change.kind, change.id))
        row = _version(before, arrival, state["wanted"], now) | {"part": part_of(change)}
        parts += [{"lane": change.lane, "part": p} for p in {row["part"], before["part"] if before else None} if p]
        known[(change.kind, change.id)] = row
        versions.append(row)
        state |= {
            "correlation_id": arrival.correlation_id, "causation_id": arrival.input_id, "legal_entity": change.legal_entity,
        }  # fmt: skip
        if (fact := describe(change)) is not None:
            state["seq"] += 1
            events.append(_event(arrival, state["seq"], *fact))
    await _store(cursor, tenant, versions)
    await append_events(cursor, tenant, events)
    await parts_changed(cursor, tenant, parts)
    await _wake_changed(cursor, tenant, lanes, touched)
    await _tell_readers(cursor, tenant, versions)
    return applied


async def _tell_readers(cursor: Cursor, tenant: str, versions: Sequence[Row]) -> None:
    """What is a part of its own lane is read by no other."""
    newest = {(row["kind"], row["record_id"]): row for row in versions if row["part"] is None}
    rows = [{"kind": k, "id": i, "lane": row["lane"], "version": row["version"]} for (k, i), row in newest.items()]
    await tell_readers(cursor, tenant, rows)


def _judge(known: Row | None, change: Change) -> str:
    if known is None:
        return "changed"
    if change.source_version < known["source_version"]:
        return "stale"
    same = bytes.fromhex(known["digest"]) if isinstance(known["digest"], str) else bytes(known["digest"])
    return "unchanged" if same == digest(change.doc) else "changed"


def _version(known: Row | None, arrival: Arrival, lane_version: int, now: datetime) -> Row:
    change = arrival.change
    return {
        "kind": change.kind, "record_id": change.id, "lane": change.lane, "legal_entity": change.legal_entity,
        "version": known["version"] + 1 if known else 1, "source_system": arrival.system,
        "source_version": change.source_version, "digest": digest(change.doc).hex(), "doc": change.doc,
        "valid_from": change.valid_from, "recorded_at": now, "lane_version": lane_version,
        "input_id": arrival.input_id, "actor": arrival.actor,
    }  # fmt: skip


def _event(arrival: Arrival, lane_seq: int, event_type: str, data: dict[str, Json]) -> NewEvent:
    change = arrival.change
    return NewEvent(
        lane=change.lane, lane_seq=lane_seq, type=event_type, subject=change.id, data=data,
        correlation_id=arrival.correlation_id, causation_id=arrival.input_id, actor=arrival.actor,
        legal_entity=change.legal_entity,
    )  # fmt: skip


async def _load(cursor: Cursor, tenant: str, keys: Iterable[tuple[str, str]]) -> list[Row]:
    await write(cursor, _LOAD, [{"kind": kind, "id": record_id} for kind, record_id in sorted(keys)], tenant)
    return await cursor.fetchall()


async def _store(cursor: Cursor, tenant: str, versions: Sequence[Row]) -> None:
    latest = list({(row["kind"], row["record_id"]): row for row in versions}.values())
    await write(cursor, _UPSERT, latest, tenant)
    await write(cursor, _HISTORY, versions, tenant)


async def _wake_changed(cursor: Cursor, tenant: str, lanes: dict[str, Row], touched: dict[str, dict[str, Any]]) -> None:
    rows = [
        lane_row(
            lanes[name], wanted=state["wanted"], planned=lanes[name]["planned"], lane_seq=state["seq"],
            wake_at=lanes[name]["wake_at"], correlation_id=state["correlation_id"],
            causation_id=state["causation_id"], legal_entity=state["legal_entity"],
        )
        for name, state in touched.items()
    ]  # fmt: skip
    await set_lanes(cursor, tenant, rows)
    await wake(cursor, tenant, touched)


_LOAD = """select r.* from records r
join (select %s::text as tenant_id, x.* from jsonb_to_recordset(%s::jsonb) as x(kind text, id text)) k
  on r.tenant_id = k.tenant_id and r.kind = k.kind and r.record_id = k.id"""
_COLUMNS: LiteralString = """as r(kind text, record_id text, lane text, legal_entity text, version bigint, source_system text,
  source_version text, digest text, doc jsonb, valid_from date, recorded_at timestamptz, lane_version bigint,
  input_id uuid, actor text, part text)"""
_UPSERT: LiteralString = f"""insert into records (tenant_id, kind, record_id, lane, legal_entity, version, source_system, source_version,
  digest, doc, valid_from, recorded_at, lane_version, input_id, part)
select %s, kind, record_id, lane, legal_entity, version, source_system, source_version, decode(digest, 'hex'), doc,
  valid_from, recorded_at, lane_version, input_id, part from jsonb_to_recordset(%s::jsonb) {_COLUMNS}
on conflict (tenant_id, kind, record_id) do update set lane = excluded.lane, legal_entity = excluded.legal_entity,
  version = excluded.version, source_system = excluded.source_system, source_version = excluded.source_version,
  digest = excluded.digest, doc = excluded.doc, valid_from = excluded.valid_from, recorded_at = excluded.recorded_at,
  lane_version = excluded.lane_version, input_id = excluded.input_id, part = excluded.part"""
_HISTORY: LiteralString = f"""insert into record_history (tenant_id, recorded_at, kind, record_id, version, source_version, valid_from, doc,
  input_id, actor)
select %s, recorded_at, kind, record_id, version, source_version, valid_from, doc, input_id, actor
from jsonb_to_recordset(%s::jsonb) {_COLUMNS}"""

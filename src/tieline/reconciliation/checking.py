"""Every suspect is asked about directly before it is called drift: a listing may be late, torn or shifted, evidence may not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, LiteralString

from tieline.engine.pumps.envelopes import envelope_of
from tieline.engine.pumps.observe import load_written, unequal
from tieline.engine.rows import Cursor, Row, write
from tieline.kit.canonical import Json, digest, plain
from tieline.kit.errors import TielineError
from tieline.ports.landscape import TenantSetup
from tieline.ports.systems import Envelope, Lister, ListOrder, Observed, System
from tieline.reconciliation.runs import Run, move

BATCH = 200
LOOKS, LOOKS_AT_ONCE = 40, 4  # searches for what is absent, each a call of its own, in one step of a run
ATTEMPTS_MAX = 6  # then it is not drift but something that could not be asked: the run says how many


@dataclass(slots=True)
class Finding:
    """What a direct look says about one suspect."""

    suspect: Row
    state: str  # found | cleared | moved | unchecked | suspect (again, later)
    kind: str = ""  # the class of drift
    fields: Json = None
    external: Json = None
    due_at: datetime | None = None


@dataclass(slots=True)
class Batch:
    suspects: list[Row]
    replicas: Mapping[str, Row] = field(default_factory=dict)


async def load_batch(cursor: Cursor, run: Run, limit: int = BATCH) -> Batch:
    await cursor.execute(_SUSPECTS, (run.tenant, run.run_id, limit))
    suspects = await cursor.fetchall()
    rows = await load_written(cursor, run.tenant, [row["replica_id"] for row in suspects])
    return Batch(suspects=suspects, replicas={row["replica_id"]: row for row in rows})


async def next_look(cursor: Cursor, run: Run) -> datetime | None:
    """When the next suspect may be asked about; None: all are decided."""
    await cursor.execute(_NEXT, (run.tenant, run.run_id))
    row = await cursor.fetchone()
    return row["due_at"] if row else None


async def look_at(setup: TenantSetup, run: Run, batch: Batch, now: datetime) -> list[Finding]:
    """Direct reads for all of them. Nothing is written; a system that refuses leaves its suspects for later."""
    system = setup.systems[run.system]
    by_class: dict[bool, list[Row]] = {True: [], False: []}
    for suspect in batch.suspects:
        by_class[suspect["class"] in ("orphan", "duplicate")].append(suspect)
    findings = await _copies(system, run, by_class[True], batch, now)
    return findings + await _read(setup, system, run, by_class[False], batch, now)


async def _read(
    setup: TenantSetup, system: System, run: Run, suspects: Sequence[Row], batch: Batch, now: datetime
) -> list[Finding]:
    known = [s for s in suspects if s["replica_id"] in batch.replicas]
    envelopes = [envelope_of(run.tenant, batch.replicas[s["replica_id"]], "put") for s in known]
    gone = [Finding(suspect=s, state="moved") for s in suspects if s["replica_id"] not in batch.replicas]
    try:
        seen = await system.read(envelopes) if envelopes else []
    except TielineError:
        return gone + [later(s, now) for s in known]
    found, absent = list[Finding](), list[tuple[Row, Envelope]]()
    for suspect, envelope, observed in zip(known, envelopes, seen, strict=True):
        if observed is None:
            absent.append((suspect, envelope))
        else:
            found.append(_judge(setup, system, run, suspect, observed, batch, now))
    return gone + found + await _looked_for(system, absent[:LOOKS], now)


def _judge(
    setup: TenantSetup, system: System, run: Run, suspect: Row, seen: Observed, batch: Batch, now: datetime
) -> Finding:
    row = batch.replicas[suspect["replica_id"]]
    difference = {
        name: value | ({"theirs": True} if setup.owns(run.system, run.kind, name, row["legal_entity"]) else {})
        for name, value in unequal(row["doc"], plain(seen.doc)).items()
    }
    if all(value.get("theirs") for value in difference.values()):
        return Finding(suspect=suspect, state="cleared")
    finding = Finding(suspect=suspect, state="found", kind="differs", fields=difference, external=plain(seen.ref))
    finding.due_at = _quarantine(system, run.kind, suspect, now)
    return finding


async def _looked_for(system: System, absent: Sequence[tuple[Row, Envelope]], now: datetime) -> list[Finding]:
    """A few at a time; those beyond LOOKS stay suspects of the next step."""
    few = asyncio.Semaphore(LOOKS_AT_ONCE)

    async def look(suspect: Row, envelope: Envelope) -> Finding:
        async with few:
            return await _absent(system, suspect, envelope, now)

    return list(await asyncio.gather(*(look(suspect, envelope) for suspect, envelope in absent)))


async def _absent(system: System, suspect: Row, envelope: Envelope, now: datetime) -> Finding:
    """Certainly gone only if the primary read path does not find our marker either."""
    try:
        there = await system.look(envelope)
    except TielineError:
        return later(suspect, now)
    if there is not None:
        return later(suspect, now)  # the search is behind the record: read again later
    return Finding(suspect=suspect, state="found", kind="missing")


async def _copies(system: System, run: Run, suspects: Sequence[Row], batch: Batch, now: datetime) -> list[Finding]:
    """What bears these markers at this moment: none is no orphan, one is no double."""
    if not suspects or not isinstance(system, Lister):
        return []
    markers = {s["replica_id"]: s["replica_id"].removeprefix(run.prefix) for s in suspects}
    try:
        page = await system.list_documents(run.kind, ListOrder(markers=tuple(markers.values())))
    except TielineError:
        return [later(s, now) for s in suspects]
    ids: dict[str, dict[str, Json]] = {}
    for each in page.rows:
        ids.setdefault(each.marker, {})[each.ref.id] = plain(each.ref)
    return [
        _counted(run, s, batch.replicas.get(s["replica_id"]), ids.get(markers[s["replica_id"]], {})) for s in suspects
    ]


def _counted(run: Run, suspect: Row, ours: Row | None, there: Mapping[str, Json]) -> Finding:
    refs = [there[key] for key in sorted(there)]
    fields = {"documents": {"planned": 1 if suspect["class"] == "duplicate" else 0, "seen": sorted(there)}}
    if suspect["class"] == "duplicate":
        state = "found" if len(there) > 1 else "cleared"
    elif ours is None:
        state = "found" if there else "cleared"
    else:
        state = "found" if there and ours["ended"] == "cancel" else "moved"
    return Finding(suspect=suspect, state=state, kind=suspect["class"], fields=fields, external=refs)


def later(suspect: Row, now: datetime) -> Finding:
    if suspect["attempts"] + 1 >= ATTEMPTS_MAX:
        return Finding(suspect=suspect, state="unchecked", kind=suspect["class"])
    wait = timedelta(seconds=min(2.0 ** suspect["attempts"], 60.0))
    return Finding(suspect=suspect, state="suspect", kind=suspect["class"], due_at=now + wait)


def _quarantine(system: System, kind: str, suspect: Row, now: datetime) -> datetime | None:
    """Where reads may be behind writes, a difference counts when it is still there after the vendor's window."""
    operation = system.operation(kind, "put")
    window = operation.consistency_window if operation else timedelta(0)
    return now + window if window and suspect["attempts"] == 0 else None


async def store(cursor: Cursor, run: Run, findings: Sequence[Finding]) -> None:
    """Write down what was found, unless the engine moved the replica meanwhile; then move the run on."""
    steady = await _steady(cursor, run, [f.suspect["replica_id"] for f in findings])
    olds = await _older(cursor, run, [f for f in findings if f.kind == "differs" and f.state == "found"])
    rows = [_row(f, steady, olds) for f in findings]
    await write(cursor, _STORE, rows, run.tenant, run.run_id)
    await move(cursor, run)


async def _steady(cursor: Cursor, run: Run, replica_ids: Sequence[str]) -> Mapping[str, bool]:
    await cursor.execute(
        _STEADY, {"tenant": run.tenant, "ids": sorted(replica_ids), "started": run.started_at, "run": run.run_id}
    )
    return {row["replica_id"]: row["steady"] for row in await cursor.fetchall()}


async def _older(cursor: Cursor, run: Run, findings: Sequence[Finding]) -> set[str]:
    """Stale: what is seen is a document that we sent before the newest one, by its digest."""
    if not findings:
        return set()
    ids = [f.suspect["replica_id"] for f in findings]
    await cursor.execute(_DOCS, (run.tenant, ids))
    docs = {row["replica_id"]: row["doc"] for row in await cursor.fetchall()}
    rows = [
        {"replica_id": f.suspect["replica_id"], "k": digest(docs[f.suspect["replica_id"]] | _seen(f.fields))}
        for f in findings
        if f.suspect["replica_id"] in docs
    ]
    await write(cursor, _SENT, rows, run.tenant)
    return {row["replica_id"] for row in await cursor.fetchall()} if rows else set()


def _seen(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value["seen"] for name, value in fields.items()}


def _row(finding: Finding, steady: Mapping[str, bool], olds: set[str]) -> Row:
    suspect, state, replica_id = finding.suspect, finding.state, finding.suspect["replica_id"]
    planned = suspect["revision"] is not None
    if planned and state == "found" and suspect["class"] != "orphan" and not steady.get(replica_id, False):
        state = "moved"
    if not planned and replica_id in steady:  # planned since: not a stranger any more
        state = "moved"
    if state == "found" and finding.due_at is not None:
        state = "suspect"
    return {
        "replica_id": replica_id, "class": "stale" if replica_id in olds else finding.kind or suspect["class"],
        "state": state, "fields": finding.fields, "external": finding.external, "due_at": finding.due_at,
    }  # fmt: skip


_SUSPECTS: LiteralString = """select * from census_drift where tenant_id = %s and run_id = %s and state = 'suspect'
  and due_at <= now() order by replica_id limit %s"""
_NEXT: LiteralString = """select min(due_at) as due_at from census_drift
where tenant_id = %s and run_id = %s and state = 'suspect'"""
_STEADY: LiteralString = """select r.replica_id,
  r.status in ('in_step', 'differs') and r.settled_revision = r.revision and r.revision = d.revision
    and greatest(r.updated_at, r.observed_at) < %(started)s as steady
from replicas r join census_drift d
  on d.tenant_id = r.tenant_id and d.replica_id = r.replica_id and d.run_id = %(run)s
where r.tenant_id = %(tenant)s and r.replica_id = any(%(ids)s) order by r.replica_id for share of r"""
_DOCS: LiteralString = "select replica_id, doc from replicas where tenant_id = %s and replica_id = any(%s)"
_SENT: LiteralString = """select distinct e.replica_id from effects e
join (select %s::text as tenant_id, x.* from jsonb_to_recordset(%s::jsonb) as x(replica_id text, k text)) s
  on s.tenant_id = e.tenant_id and s.replica_id = e.replica_id and e.payload_hash = decode(s.k, 'hex')
join replicas r on r.tenant_id = e.tenant_id and r.replica_id = e.replica_id and e.revision < r.revision
where e.verb = 'put'"""
_STORE: LiteralString = """update census_drift d set class = s.class, state = s.state, fields = s.fields,
  external = coalesce(nullif(s.external, 'null'), d.external), attempts = d.attempts + 1, due_at = coalesce(s.due_at, d.due_at)
from (select %s::text as tenant_id, %s::uuid as run_id, x.* from jsonb_to_recordset(%s::jsonb) as x(replica_id text,
  class text, state text, fields jsonb, external jsonb, due_at timestamptz)) s
where d.tenant_id = s.tenant_id and d.run_id = s.run_id and d.replica_id = s.replica_id"""

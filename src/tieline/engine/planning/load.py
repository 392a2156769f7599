"""Everything that the flows of many lanes may know, read in a handful of statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import LiteralString

from tieline.engine.rows import Cursor, Row, ask, write
from tieline.ports.flows import Approval, Flow, Record, Ref, ReplicaView, Snapshot
from tieline.ports.landscape import TenantSetup

Records = dict[str, dict[str, Record]]


@dataclass(slots=True)
class LaneState:
    """One locked lane with its own records, its context, and what is planned for it so far."""

    lane: Row
    records: Records = field(default_factory=lambda: defaultdict(dict))
    refs: frozenset[Ref] = frozenset()
    replicas: dict[str, Row] = field(default_factory=dict)
    approvals: list[Row] = field(default_factory=list)
    plans: list[Row] = field(default_factory=list)
    holds: list[Row] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.lane["lane"])


async def load_states(
    cursor: Cursor, setup: TenantSetup, lanes: Mapping[str, Row], *, learn: bool = True
) -> list[LaneState]:
    """Snapshots' raw material for locked lanes, in name order. `learn`: remember who reads whose records."""
    states = {name: LaneState(lane=row) for name, row in sorted(lanes.items())}
    names = list(states)
    records = await ask(cursor, _RECORDS, (setup.tenant, names))
    others = {table: await ask(cursor, sql, (setup.tenant, names)) for table, sql in _BY_LANE.items()}
    for row in await records.fetchall():
        states[row["lane"]].records[row["kind"]][row["record_id"]] = _record(row)
    for table, answer in others.items():
        for row in await answer.fetchall():
            getattr(states[row["lane"]], table).append(row)
    context = await _load_context(cursor, setup, states, learn)
    await _load_replicas(cursor, setup.tenant, states, context)
    return list(states.values())


def flows_of(setup: TenantSetup, records: Mapping[str, Mapping[str, Record]]) -> list[Flow]:
    return [flow for flow in setup.flows if records.get(flow.root)]


def snapshot(setup: TenantSetup, state: LaneState, now: datetime) -> Snapshot:
    """What the flows of one lane see."""
    replicas: dict[tuple[str, str], list[ReplicaView]] = defaultdict(list)
    for row in state.replicas.values():
        replicas[(row["kind"], row["key"])].append(_view(row))
    approvals: dict[str, list[Approval]] = defaultdict(list)
    for row in state.approvals:
        approvals[row["subject"]].append(
            Approval(
                subject=row["subject"],
                digest=bytes(row["digest"]).hex(),
                principal=row["principal"],
                at=row["approved_at"],
            )
        )
    return Snapshot(
        tenant=setup.tenant,
        lane=state.name,
        today=setup.today(state.lane["legal_entity"], now),
        now=now,
        firm=setup.firm,
        records=state.records,
        replicas={key: tuple(views) for key, views in replicas.items()},
        approvals={subject: tuple(rows) for subject, rows in approvals.items()},
    )


async def _load_context(
    cursor: Cursor, setup: TenantSetup, states: Mapping[str, LaneState], learn: bool
) -> dict[str, set[str]]:
    """Records of other lanes that the flows will read; returns other lane -> lanes that read it."""
    wanted: dict[Ref, list[LaneState]] = defaultdict(list)
    for state in states.values():
        own = {kind: dict(rows) for kind, rows in state.records.items()}
        state.refs = frozenset(ref for flow in flows_of(setup, own) for ref in flow.context(own))
        for ref in state.refs:
            wanted[ref].append(state)
    readers: dict[str, set[str]] = defaultdict(set)
    for row in await _records_by_ref(cursor, setup.tenant, wanted):
        record = _record(row)
        for state in wanted[Ref(kind=record.kind, id=record.id)]:
            state.records[record.kind][record.id] = record
            readers[record.lane].add(state.name)
    rows = [{"kind": r.kind, "id": r.id, "lane": s.name} for r, reading in wanted.items() for s in reading]
    await write(cursor, _DEPEND, rows if learn else [], setup.tenant)
    return readers


async def _load_replicas(
    cursor: Cursor, tenant: str, states: Mapping[str, LaneState], readers: Mapping[str, Iterable[str]]
) -> None:
    await cursor.execute(_REPLICAS, (tenant, [*states, *readers]))
    for row in await cursor.fetchall():
        for name in {row["lane"], *readers.get(row["lane"], ())}:
            if name in states:
                states[name].replicas[row["replica_id"]] = row


async def _records_by_ref(cursor: Cursor, tenant: str, refs: Iterable[Ref]) -> Sequence[Row]:
    rows = [{"kind": ref.kind, "id": ref.id} for ref in refs]
    if not rows:
        return []
    await write(cursor, _BY_REF, rows, tenant)
    return await cursor.fetchall()


def _record(row: Row) -> Record:
    return Record(
        kind=row["kind"], id=row["record_id"], version=row["version"], doc=row["doc"], lane=row["lane"],
        legal_entity=row["legal_entity"], recorded_at=row["recorded_at"], minted=row["minted"],
    )  # fmt: skip


def _view(row: Row) -> ReplicaView:
    return ReplicaView(
        kind=row["kind"], key=row["key"], system=row["system"], status=row["status"], revision=row["revision"],
        settled_revision=row["settled_revision"], confirmed_revision=row["confirmed_revision"], doc=row["doc"],
        observed=row["observed"], external=row["external"], observed_at=row["observed_at"],
    )  # fmt: skip


_RECORDS = "select * from records where tenant_id = %s and lane = any(%s)"
_REPLICAS = "select * from replicas where tenant_id = %s and lane = any(%s)"
_BY_LANE: dict[str, LiteralString] = {
    "approvals": "select * from approvals where tenant_id = %s and lane = any(%s) and withdrawn_at is null",
    "plans": "select * from plans where tenant_id = %s and lane = any(%s) and state in ('proposed', 'approved')",
    "holds": "select * from holds where tenant_id = %s and lane = any(%s) and lifted_at is null and source in ('flow', 'engine')",
}
_BY_REF = """select r.* from records r
join (select %s::text as tenant_id, x.* from jsonb_to_recordset(%s::jsonb) as x(kind text, id text)) k
  on r.tenant_id = k.tenant_id and r.kind = k.kind and r.record_id = k.id"""
_DEPEND = """insert into dependencies (tenant_id, kind, record_id, lane)
select %s, kind, id, lane from jsonb_to_recordset(%s::jsonb) as r(kind text, id text, lane text) on conflict do nothing"""

"""Everything that the flows of many lanes may know, read in a handful of statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import LiteralString

from tieline.engine.planning.parts import NOTHING, Due
from tieline.engine.rows import Cursor, Row, ask, write
from tieline.ports.flows import Approval, DrawView, Flow, PoolView, Record, Ref, ReplicaView, Snapshot
from tieline.ports.landscape import TenantSetup

Records = dict[str, dict[str, Record]]


@dataclass(slots=True)
class LaneState:
    """One locked lane with its own records, its context, and what is planned for it so far.

    `due.parts`: when there are any, only those are planned, and the lane as a whole another time.
    """

    lane: Row
    due: Due = NOTHING
    records: Records = field(default_factory=lambda: defaultdict(dict))
    refs: frozenset[Ref] = frozenset()
    replicas: dict[str, Row] = field(default_factory=dict)
    approvals: list[Row] = field(default_factory=list)
    plans: list[Row] = field(default_factory=list)
    holds: list[Row] = field(default_factory=list)
    draws: dict[str, DrawView] = field(default_factory=dict)
    pools: dict[str, PoolView] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.lane["lane"])

    def version_of(self, ref: Ref) -> int:
        """0: not known yet."""
        known = self.records.get(ref.kind, {}).get(ref.id)
        return known.version if known is not None else 0


async def load_states(
    cursor: Cursor,
    setup: TenantSetup,
    lanes: Mapping[str, Row],
    *,
    learn: bool = True,
    due: Mapping[str, Due] = MappingProxyType({}),
) -> list[LaneState]:
    """Snapshots' raw material for locked lanes, in name order. `learn`: remember who reads whose records."""
    states = {name: LaneState(lane=row, due=due.get(name, NOTHING)) for name, row in sorted(lanes.items())}
    names = list(states)
    records = await ask(cursor, _RECORDS, (setup.tenant, names))
    others = {table: await ask(cursor, sql, (setup.tenant, names)) for table, sql in _BY_LANE.items()}
    for row in await records.fetchall():
        states[row["lane"]].records[row["kind"]][row["record_id"]] = to_record(row)
    for table, answer in others.items():
        for row in await answer.fetchall():
            getattr(states[row["lane"]], table).append(row)
    context = await _load_context(cursor, setup, states)
    if learn:
        await learn_reads(cursor, setup.tenant, states.values())
    await _load_replicas(cursor, setup.tenant, states, context)
    return list(states.values())


def flows_of(setup: TenantSetup, state: LaneState) -> list[Flow]:
    """Those that speak now: over parts, or over the lane as a whole."""
    present = [flow for flow in setup.flows if state.records.get(flow.root)]
    if state.due.parts:
        return [flow for flow in present if flow.each is not None]
    return [flow for flow in present if flow.each is None or _undivided(flow, state)]


def _undivided(flow: Flow, state: LaneState) -> bool:
    """Records of the kind that came before it was divided into parts are planned with the lane as a whole."""
    return flow.each is not None and any(r.part is None for r in state.records.get(flow.each.kind, {}).values())


def sight(flow: Flow, state: LaneState, seen: Snapshot) -> Snapshot:
    """What one flow sees: a flow over parts never sees a part of which only some records were read."""
    if flow.each is None or state.due.parts:
        return seen
    return beside_parts(seen)


def beside_parts(seen: Snapshot) -> Snapshot:
    """Only what belongs to no part."""
    whole = {
        kind: {key: record for key, record in rows.items() if record.part is None}
        for kind, rows in seen.records.items()
    }
    return replace(seen, records=whole)


def snapshot(setup: TenantSetup, state: LaneState, now: datetime) -> Snapshot:
    """What the flows of one lane see."""
    replicas: dict[tuple[str, str], list[ReplicaView]] = defaultdict(list)
    for row in state.replicas.values():
        replicas[(row["kind"], row["key"])].append(_view(row, setup))
    approvals: dict[str, list[Approval]] = defaultdict(list)
    for row in state.approvals:
        approvals[row["subject"]].append(
            Approval(
                subject=row["subject"],
                digest=bytes(row["digest"]).hex(),
                principal=row["principal"],
                at=setup.clock.then(row["approved_at"]),
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
        draws=state.draws,
        pools=state.pools,
    )


async def learn_reads(cursor: Cursor, tenant: str, states: Iterable[LaneState]) -> None:
    """Remember who was planned on which version of whose record; a push is refused while a newer one is known."""
    rows = [
        {"kind": ref.kind, "id": ref.id, "lane": state.name, "version": state.version_of(ref)}
        for state in states
        for ref in sorted(state.refs, key=lambda ref: (ref.kind, ref.id))
    ]
    await write(cursor, _DEPEND, rows, tenant)


async def _load_context(cursor: Cursor, setup: TenantSetup, states: Mapping[str, LaneState]) -> dict[str, set[str]]:
    """Records of other lanes that the flows will read; returns other lane -> lanes that read it."""
    wanted: dict[Ref, list[LaneState]] = defaultdict(list)
    for state in states.values():
        own = {kind: dict(rows) for kind, rows in state.records.items()}
        present = [flow for flow in setup.flows if own.get(flow.root)]
        state.refs = frozenset(ref for flow in present for ref in flow.context(own))
        for ref in state.refs:
            wanted[ref].append(state)
    readers: dict[str, set[str]] = defaultdict(set)
    for row in await records_by_ref(cursor, setup.tenant, wanted):
        record = to_record(row)
        for state in wanted[Ref(kind=record.kind, id=record.id)]:
            state.records[record.kind][record.id] = record
            readers[record.lane].add(state.name)
    return readers


async def _load_replicas(
    cursor: Cursor, tenant: str, states: Mapping[str, LaneState], readers: Mapping[str, Iterable[str]]
) -> None:
    await cursor.execute(_REPLICAS, (tenant, [*states, *readers]))
    for row in await cursor.fetchall():
        for name in {row["lane"], *readers.get(row["lane"], ())}:
            if name in states:
                states[name].replicas[row["replica_id"]] = row


async def records_by_ref(cursor: Cursor, tenant: str, refs: Iterable[Ref]) -> Sequence[Row]:
    rows = [{"kind": ref.kind, "id": ref.id} for ref in refs]
    if not rows:
        return []
    await write(cursor, _BY_REF, rows, tenant)
    return await cursor.fetchall()


def to_record(row: Row) -> Record:
    return Record(
        kind=row["kind"], id=row["record_id"], version=row["version"], doc=row["doc"], lane=row["lane"],
        legal_entity=row["legal_entity"], recorded_at=row["recorded_at"], minted=row["minted"], part=row["part"],
        marks=frozenset(row["marks"]) if row["part"] is not None or row["marks"] else None,
    )  # fmt: skip


def _view(row: Row, setup: TenantSetup) -> ReplicaView:
    seen_at = row["observed_at"]
    return ReplicaView(
        kind=row["kind"], key=row["key"], system=row["system"], status=row["status"], revision=row["revision"],
        settled_revision=row["settled_revision"], confirmed_revision=row["confirmed_revision"], doc=row["doc"],
        observed=row["observed"], external=row["external"],
        observed_at=seen_at and setup.clock.then(seen_at),
    )  # fmt: skip


_RECORDS = "select * from records where tenant_id = %s and lane = any(%s) and part is null"
_REPLICAS = "select * from replicas where tenant_id = %s and lane = any(%s) and part is null"
_BY_LANE: dict[str, LiteralString] = {
    "approvals": "select * from approvals where tenant_id = %s and lane = any(%s) and withdrawn_at is null",
    "plans": "select * from plans where tenant_id = %s and lane = any(%s) and state in ('proposed', 'approved')",
    "holds": "select * from holds where tenant_id = %s and lane = any(%s) and lifted_at is null and source in ('flow', 'engine')"
    " and part is null",
}
_BY_REF = """select r.* from records r
join (select %s::text as tenant_id, x.* from jsonb_to_recordset(%s::jsonb) as x(kind text, id text)) k
  on r.tenant_id = k.tenant_id and r.kind = k.kind and r.record_id = k.id"""
_DEPEND = """insert into dependencies (tenant_id, kind, record_id, lane, version)
select %s, kind, id, lane, version from jsonb_to_recordset(%s::jsonb) as r(kind text, id text, lane text, version bigint)
on conflict (tenant_id, kind, record_id, lane) do update set version = excluded.version
  where dependencies.version < excluded.version"""

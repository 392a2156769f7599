"""A worker moved by hand: each step is one call, nothing runs by itself, and the clock is the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from world import TENANT, CleanCipher, PlainSource

from tieline.adapters.postgres import roles
from tieline.engine.commands import EngineCommands
from tieline.engine.leases import Leases
from tieline.engine.planning.parts import part_in
from tieline.engine.planning.plan import plan_lanes
from tieline.engine.pumps.calls import Outcome, send
from tieline.engine.pumps.intents import Sending, write_intents
from tieline.engine.pumps.outcomes import flush_outcomes
from tieline.engine.records import Applied, Arrival, apply_changes
from tieline.engine.rows import tenant_transaction
from tieline.engine.worker import Worker
from tieline.kit.ids import uuid7
from tieline.ports.flows import Flow
from tieline.ports.landscape import Advice, TenantSetup
from tieline.ports.systems import Change, Envelope, ExternalRef, Observed, Operation, OperationClass, System


@dataclass
class Shelf:
    """A system in memory: keeps the newest document per key and every call it executed."""

    name: str = "shelf"
    connector: str = "shelf"
    mapping_version: str = "1"
    concurrency: int = 8
    op_class: OperationClass = OperationClass.K_PUT
    puts: list[Envelope] = field(default_factory=list)
    ends: list[tuple[str, str]] = field(default_factory=list)
    on_put: Callable[[Envelope], ExternalRef | None] = lambda envelope: None
    show: Callable[[Any], Any] = lambda doc: doc

    def operation(self, kind: str, verb: str) -> Operation | None:
        return Operation(
            kind=kind, verb="end" if verb == "end" else "put", op_class=self.op_class, max_life=timedelta(seconds=5),
            consistency_window=timedelta(seconds=2),
        )  # fmt: skip

    async def put(self, envelope: Envelope) -> ExternalRef:
        answer = self.on_put(envelope)
        self.puts.append(envelope)
        return answer or ExternalRef(id=f"ext-{envelope.document_key}")

    async def end(self, envelope: Envelope, how: str) -> ExternalRef:
        self.ends.append((envelope.document_key, how))
        return ExternalRef(id=f"ext-{envelope.document_key}")

    async def look(self, envelope: Envelope) -> ExternalRef | None:
        found = [put for put in self.puts if put.key == envelope.key]
        return ExternalRef(id=f"ext-{found[0].document_key}") if found else None

    async def read(self, envelopes: Sequence[Envelope]) -> Sequence[Observed | None]:
        held = {put.document_key: put.doc for put in self.puts}
        return [
            Observed(doc=self.show(held[e.document_key]), ref=ExternalRef(id=f"ext-{e.document_key}"))
            if e.document_key in held
            else None
            for e in envelopes
        ]

    def values(self) -> list[tuple[str, Any]]:
        return [(put.document_key, put.doc) for put in self.puts]


def setup_of(flow: Callable[..., Any], systems: Mapping[str, System], **more: Any) -> TenantSetup:
    """One flow over `item` records; a role is the name of its system, if there is one."""
    flows = (Flow(name="item", root="item", decide=flow, owner="pmo", within=timedelta(hours=1), **more),)
    return TenantSetup(
        tenant=TENANT, firm=None, config_version="c1", systems=systems, sources={"inbox": PlainSource()}, flows=flows,
        route=lambda role, legal_entity: role if role in systems else None, refuse=lambda system, change: None,
        describe=lambda change: ("dev.tieline.item.recorded.v1", {"id": change.id}), check_fact=lambda kind, data: None,
        advise=lambda code: Advice(owner="integration", way_out="tieline retry"),
        today=lambda legal_entity, now: now.date(), poll_every_s={},
    )  # fmt: skip


def change(doc: Mapping[str, Any], version: int, *, kind: str = "item", lane: str = "") -> Change:
    return Change(
        kind=kind, id=doc["id"], lane=lane or f"item:{doc['id']}", source_version=f"{version:08d}", doc=dict(doc),
        legal_entity="E1", valid_from=None,
    )  # fmt: skip


@dataclass
class Desk:
    """One worker, held by hand."""

    pool: AsyncConnectionPool[Any]
    orders: AsyncConnectionPool[Any]  # people's commands arrive as the API
    admin: str
    setup: TenantSetup
    worker: Worker
    now: Callable[[], datetime]

    @property
    def leases(self) -> Leases:
        return self.worker.leases

    @property
    def commands(self) -> EngineCommands:
        return EngineCommands(self.orders, {TENANT: self.setup}, self.now)

    async def beat(self) -> None:
        async with self.pool.connection() as connection:
            await self.leases.beat(connection, "here", frozenset())

    async def apply(self, *changes: Change) -> Applied:
        """Changes straight into the records, in one transaction."""
        arrivals = [
            Arrival(change=one, system="inbox", input_id=uuid7(), correlation_id=uuid7(), actor="inbox")
            for one in changes
        ]
        async with self.pool.connection() as connection, tenant_transaction(connection, TENANT) as cursor:
            return await apply_changes(cursor, TENANT, arrivals, self.setup.describe, self.now(), part_in(self.setup))

    async def plan(self, *lanes: str) -> None:
        """Plan what was woken, or exactly `lanes`."""
        if lanes:
            async with self.pool.connection() as connection:
                await plan_lanes(connection, self.leases, self.setup, dict.fromkeys(lanes, 0), self.now())
            return
        while await self.worker.planner.round():
            pass

    async def pump(self) -> None:
        """One round: claim what is due, make the calls, store what became of them."""
        await self.worker.pump.settle_doubtful()
        await self.worker.pump.claim()
        await self.worker.pump.drain()

    async def push(self) -> list[Outcome]:
        """Send what is due and stop before anything is stored: answers that came at the same instant."""
        claims = await self.rows("select tenant_id, replica_id, system, shard, step from due where step = 'push'")
        sending: list[Sending] = []
        async with self.pool.connection() as connection, tenant_transaction(connection, self.setup.tenant) as cursor:
            await write_intents(cursor, self.leases, self.setup, claims, CleanCipher(), self.now(), sending)
        called = [await send(self.setup.systems[one.system], self.leases, one) for one in sending]
        return [one for one in called if one is not None]

    async def store(self, *outcomes: Outcome) -> None:
        async with self.pool.connection() as connection:
            await flush_outcomes(connection, self.leases, self.setup, outcomes, self.now())

    async def settle(self) -> None:
        """Plan, send, read back and plan again until nothing is due any more."""
        for _ in range(12):
            await self.plan()
            await self.pump()
            if not await self.rows("select 1 from due where due_at <= now() union all select 1 from lane_dirty"):
                return
        raise AssertionError("it does not come to rest")

    async def rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        async with await psycopg.AsyncConnection.connect(
            self.admin, autocommit=True, row_factory=dict_row
        ) as connection:
            return await (await connection.execute(sql.encode(), parameters)).fetchall()

    async def statuses(self) -> dict[str, str]:
        return {row["key"]: row["status"] for row in await self.rows("select key, status from replicas order by key")}

    async def open_holds(self) -> list[str]:
        return [row["code"] for row in await self.rows("select code from holds where lifted_at is null order by code")]


@asynccontextmanager
async def desk(
    database: Any,
    flow: Callable[..., Any],
    *systems: Any,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    name: str = "w1",
    beat: bool = True,
    conninfo: str = "",
    **more: Any,
) -> AsyncIterator[Desk]:
    """A worker that holds every shard and does nothing by itself."""
    conninfo = conninfo or database.conninfo(roles.WORKER)
    made = setup_of(flow, {system.name: system for system in systems}, **more)
    async with _pool(conninfo) as pool, _pool(database.conninfo(roles.API)) as orders:
        worker = Worker(pool, conninfo, {TENANT: made}, CleanCipher(), now, name, lease_s=60.0)
        one = Desk(pool=pool, orders=orders, admin=database.admin, setup=made, worker=worker, now=now)
        if beat:
            await one.beat()
        yield one
        await asyncio.wait_for(worker.pump.drain(), timeout=5)  # nothing a test started outlives it


def _pool(conninfo: str) -> AsyncConnectionPool[Any]:
    return AsyncConnectionPool(conninfo, min_size=1, max_size=6, open=False, kwargs={"autocommit": True})

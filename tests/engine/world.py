"""A small world for the engine: one tenant, one generic flow, the key-value twin behind real HTTP, real PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from kv_system import KvSystem
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from tieline.adapters.http import GuardedHttp
from tieline.engine.inputs import NewInput, accept
from tieline.engine.worker import Worker
from tieline.kit.canonical import digest_of, encode
from tieline.kit.ids import uuid7
from tieline.ports.decisions import Decision, Desired, Hold, Target
from tieline.ports.flows import Flow, Snapshot
from tieline.ports.landscape import Advice, TenantSetup
from tieline.ports.systems import Change, SourceItem

TENANT = "acme"
PATIENCE_S = float(os.environ.get("TIELINE_TEST_PATIENCE_S", "15"))  # planted bugs need not be waited for


TOO_MANY = ("REQUEST_LIMIT_EXCEEDED", "WS_CONCUR_SESSION_DISALLWD")  # also within SSS_REQUEST_LIMIT_EXCEEDED


class PlainSource:
    """Documents that are canonical already: {"id", "version", "kinds": {kind: value}, …}."""

    name = "inbox"
    topics = ("item",)

    def verify(self, headers: Any, body: bytes, now: datetime) -> list[Any]:
        return []

    async def fetch(self, topic: str, source_ids: Any) -> list[SourceItem | None]:
        return [None for _ in source_ids]

    async def pages(self, topic: str, cursor: str | None) -> AsyncIterator[Any]:
        return
        yield

    def changes(self, item: SourceItem) -> list[Change]:
        doc = item.body
        return [
            Change(
                kind="item", id=doc["id"], lane=f"item:{doc['id']}", source_version=f"{doc['version']:08d}", doc=doc,
                legal_entity="E1",
            )
        ]  # fmt: skip


def item_flow(snapshot: Snapshot) -> Iterator[Decision]:
    """Every value of an item ought to be in the store; `blocked` holds; `gate` asks a person first."""
    for record in snapshot.records["item"].values():
        if record.doc.get("blocked"):
            yield Hold(code="BLOCKED", subject=record.id, owner="pmo", sentence="It is blocked.", way_out="Unblock it.")
            return
        before: tuple[Target, ...] = ()
        for kind, value in sorted(record.doc["kinds"].items()):
            target = Target(kind=kind, key=record.id, role="store", legal_entity="E1")
            yield Desired(target=target, doc={"value": value}, after=before, gate=record.doc.get("gate"))
            if record.doc.get("chain"):
                before = (target,)


class CleanCipher:
    """Keeps the bytes readable for the tests' own eyes; the real one is tested in tests/adapters."""

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        return context + b"|" + plaintext

    def open(self, ciphertext: bytes, context: bytes) -> bytes:
        assert ciphertext.startswith(context + b"|")
        return ciphertext[len(context) + 1 :]


def setup(systems: dict[str, KvSystem], flow: Callable[..., Any] = item_flow, version: str = "c1") -> TenantSetup:
    return TenantSetup(
        tenant=TENANT, firm=None, config_version=version, systems=systems, sources={"inbox": PlainSource()},
        flows=(Flow(name="item", root="item", decide=flow, owner="pmo", within=timedelta(hours=1)),),
        route=lambda role, legal_entity: next(iter(systems)), refuse=lambda system, change: None,
        describe=lambda change: ("dev.tieline.item.recorded.v1", {"id": change.id}), check_fact=lambda kind, data: None,
        advise=lambda code: Advice(owner="integration", way_out="tieline retry"),
        today=lambda legal_entity, now: now.date(), poll_every_s={},
    )  # fmt: skip


@dataclass
class World:
    conninfo: str
    admin: str
    setup: TenantSetup
    pool: AsyncConnectionPool[Any]
    workers: list[Worker] = field(default_factory=list)
    running: list[asyncio.Task[None]] = field(default_factory=list)

    def start_worker(self, name: str = "w1", lease_s: float = 1.0) -> Worker:
        worker = Worker(
            self.pool, self.conninfo, {TENANT: self.setup}, CleanCipher(), lambda: datetime.now(UTC), name, lease_s
        )
        self.workers.append(worker)
        self.running.append(asyncio.create_task(worker.run()))
        return worker

    async def send(self, **doc: Any) -> None:
        """Hand in one version of an item, as an edge would."""
        body = encode(doc)
        new = NewInput(
            tenant=TENANT, channel="api", system="inbox", topic="item", source_id=doc["id"], body=body,
            dedup=digest_of(doc["id"], str(doc["version"])), correlation_id=uuid7(),
        )  # fmt: skip
        async with self.pool.connection() as connection:
            await accept(connection, [new])

    async def rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        async with await psycopg.AsyncConnection.connect(
            self.admin, autocommit=True, row_factory=dict_row
        ) as connection:
            return await (await connection.execute(sql, parameters)).fetchall()

    async def until(self, sql: str, *parameters: Any, seconds: float = PATIENCE_S) -> list[dict[str, Any]]:
        """Rows of `sql` as soon as there are any; what is there instead fails the test."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := await self.rows(sql, *parameters):
                return found
            await asyncio.sleep(0.02)
        replicas = await self.rows(
            "select replica_id, status, revision, problem from replicas where status <> 'in_step' limit 5"
        )
        inputs = await self.rows("select source_id, status, reason from inputs where status <> 'applied' limit 5")
        holds = await self.rows("select code, sentence from holds where lifted_at is null limit 5")
        raise AssertionError(f"never true: {sql}\nreplicas {replicas}\ninputs {inputs}\nholds {holds}")

    async def in_step(self, count: int, seconds: float = PATIENCE_S) -> None:
        await self.until(
            "select 1 from replicas where status = 'in_step' and confirmed_revision = revision having count(*) = %s",
            count, seconds=seconds,
        )  # fmt: skip


@contextlib.asynccontextmanager
async def world(
    database: Any, kv_url: str, flow: Callable[..., Any] = item_flow, **options: Any
) -> AsyncIterator[World]:
    http = GuardedHttp(kv_url, allow_private_addresses=True, throttled_by=TOO_MANY)
    system = KvSystem("kv", http, **options)
    conninfo = database.conninfo("tieline_worker")
    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
        conninfo, min_size=2, max_size=8, open=False, kwargs={"autocommit": True}
    )
    async with pool:
        made = World(conninfo=conninfo, admin=database.admin, setup=setup({"kv": system}, flow), pool=pool)
        try:
            yield made
        finally:
            for worker in made.workers:
                worker.stop()
            await asyncio.gather(*made.running, return_exceptions=True)
            await http.aclose()


os.environ.setdefault("TIELINE_CRASH", "")

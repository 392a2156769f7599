"""A worker on an empty store with one system that answers at once: what the engine itself costs, and nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from tieline.adapters.postgres import launcher, migrate, roles
from tieline.adapters.postgres.pools import pool as make_pool
from tieline.engine.worker import Worker
from tieline.kit.errors import TielineError
from tieline.ports.flows import Flow
from tieline.ports.landscape import Advice, TenantSetup
from tieline.ports.systems import Envelope, ExternalRef, Observed, Operation, OperationClass

TENANT = "bench"
SYSTEM = "free"
BATCH = 100


@dataclass
class FreeSystem:
    """Takes whatever it is given, a hundred at a time, in no time at all, and shows the newest it was given."""

    name: str = SYSTEM
    connector: str = SYSTEM
    mapping_version: str = "1"
    concurrency: int = 16
    calls: int = 0
    documents: int = 0  # taken
    seen: int = 0  # read back

    def operation(self, kind: str, verb: str) -> Operation | None:
        verb_ = "end" if verb == "end" else "put"
        return Operation(kind=kind, verb=verb_, op_class=OperationClass.K_PUT, batch=BATCH)  # type: ignore[arg-type]

    async def put(self, envelope: Envelope) -> ExternalRef:
        self.calls += 1
        self.documents += 1
        return ExternalRef(id=envelope.document_key)

    async def put_many(self, envelopes: Sequence[Envelope]) -> Mapping[str, ExternalRef | TielineError]:
        self.calls += 1
        self.documents += len(envelopes)
        return {envelope.key: ExternalRef(id=envelope.document_key) for envelope in envelopes}

    async def end(self, envelope: Envelope, how: str) -> ExternalRef:
        return ExternalRef(id=envelope.document_key)

    async def look(self, envelope: Envelope) -> ExternalRef | None:
        return ExternalRef(id=envelope.document_key)

    async def read(self, envelopes: Sequence[Envelope]) -> Sequence[Observed | None]:
        self.calls += 1
        self.seen += len(envelopes)
        return [Observed(doc=e.doc, ref=ExternalRef(id=e.document_key)) for e in envelopes]


class NoCipher:
    """The measurement is of the engine; sealing is measured where bytes are sealed."""

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        return plaintext

    def open(self, ciphertext: bytes, context: bytes) -> bytes:
        return ciphertext


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Ground:
    """`admin` sees everything and is used to lay out and to count. `worker` is for being moved by hand."""

    cluster: launcher.Embedded
    admin: psycopg.AsyncConnection[Any]
    pool: AsyncConnectionPool[Any]
    worker: Worker
    setup: TenantSetup
    system: FreeSystem
    clock: Callable[[], datetime] = field(default=now)

    @property
    def conninfo(self) -> str:
        return self.cluster.conninfo(roles.ADMIN)

    def another_worker(self) -> Worker:
        """One that has not run yet: a worker that was stopped does not begin again."""
        return worker_of(self.pool, self.cluster.conninfo(roles.WORKER), self.setup, f"bench-{secrets.token_hex(3)}")

    async def rows(self, sql: str, *given: Any) -> list[dict[str, Any]]:
        return await (await self.admin.execute(sql.encode(), given)).fetchall()

    async def take_shards(self) -> None:
        """For a worker that is moved by hand."""
        async with self.pool.connection() as connection:
            await self.worker.leases.beat(connection, "bench", frozenset())

    async def count(self, sql: str, *given: Any) -> int:
        return int((await self.rows(f"select count(*) as n from ({sql}) as counted", *given))[0]["n"])


@contextlib.asynccontextmanager
async def ground(flows: Sequence[Flow] = (), firm: Any = None) -> AsyncIterator[Ground]:
    with tempfile.TemporaryDirectory(prefix="tieline-bench-", ignore_cleanup_errors=True) as name:
        os.chmod(name, 0o711)  # noqa: S103  as root the server runs as a lesser user, which must be able to pass through
        cluster = launcher.start(Path(name))
        try:
            migrate.migrate(cluster.conninfo(roles.ADMIN))
            async with _connected(cluster, flows, firm) as made:
                yield made
        finally:
            cluster.stop()


@contextlib.asynccontextmanager
async def _connected(cluster: launcher.Embedded, flows: Sequence[Flow], firm: Any) -> AsyncIterator[Ground]:
    system = FreeSystem()
    setup = setup_of(system, flows, firm)
    conninfo = cluster.conninfo(roles.WORKER)
    admin: psycopg.AsyncConnection[Any] = await psycopg.AsyncConnection.connect(
        cluster.conninfo(roles.ADMIN), autocommit=True, row_factory=dict_row
    )
    async with admin, make_pool(conninfo, "worker", 2, 8) as pool:
        await admin.execute("insert into tenants (tenant_id, name) values (%s, %s)", (TENANT, TENANT))
        worker = worker_of(pool, conninfo, setup, "bench", lease_s=30.0)
        yield Ground(cluster=cluster, admin=admin, pool=pool, worker=worker, setup=setup, system=system)


def worker_of(
    pool: AsyncConnectionPool[Any], conninfo: str, setup: TenantSetup, name: str, lease_s: float = 3.0
) -> Worker:
    """As the product's own, but for the cipher."""
    return Worker(pool, conninfo, {TENANT: setup}, NoCipher(), now, name, lease_s)


def setup_of(system: FreeSystem, flows: Sequence[Flow], firm: Any) -> TenantSetup:
    return TenantSetup(
        tenant=TENANT, firm=firm, config_version="1", systems={system.name: system}, sources={}, flows=tuple(flows),
        route=lambda role, legal_entity: system.name, refuse=lambda source, change: None,
        describe=lambda change: (f"dev.tieline.{change.kind}.recorded.v1", {}), check_fact=lambda kind, given: None,
        advise=lambda code: Advice(owner="integration", way_out="tieline retry"),
        today=lambda legal_entity, now: now.date(), poll_every_s={},
    )  # fmt: skip


def rss_mb() -> float:
    """The memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


@contextlib.asynccontextmanager
async def peak_memory() -> AsyncIterator[Callable[[], float]]:
    """The largest memory of this process since; looked at twenty times a second."""
    peak = rss_mb()

    async def watch() -> None:
        nonlocal peak
        while True:
            peak = max(peak, rss_mb())
            await asyncio.sleep(0.05)

    watching = asyncio.create_task(watch())
    try:
        yield lambda: max(peak, rss_mb())
    finally:
        watching.cancel()


class Stopwatch:
    def __init__(self) -> None:
        self.started = time.monotonic()

    @property
    def s(self) -> float:
        return time.monotonic() - self.started

"""A worker on an empty store with one system that answers at once: what the engine itself costs, and nobody else."""

from __future__ import annotations

import contextlib
import os
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

    def operation(self, kind: str, verb: str) -> Operation | None:
        verb_ = "end" if verb == "end" else "put"
        return Operation(kind=kind, verb=verb_, op_class=OperationClass.K_PUT, batch=BATCH)  # type: ignore[arg-type]

    async def put(self, envelope: Envelope) -> ExternalRef:
        self.calls += 1
        return ExternalRef(id=envelope.document_key)

    async def put_many(self, envelopes: Sequence[Envelope]) -> Mapping[str, ExternalRef | TielineError]:
        self.calls += 1
        return {envelope.key: ExternalRef(id=envelope.document_key) for envelope in envelopes}

    async def end(self, envelope: Envelope, how: str) -> ExternalRef:
        return ExternalRef(id=envelope.document_key)

    async def look(self, envelope: Envelope) -> ExternalRef | None:
        return ExternalRef(id=envelope.document_key)

    async def read(self, envelopes: Sequence[Envelope]) -> Sequence[Observed | None]:
        self.calls += 1
        return [Observed(doc=e.doc, ref=ExternalRef(id=e.document_key)) for e in envelopes]


class NoCipher:
    """The measurement is of the engine; sealing is measured where bytes are sealed."""

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        return plaintext

    def open(self, ciphertext: bytes, context: bytes) -> bytes:
        return ciphertext


@dataclass
class Ground:
    """`admin` sees everything and is used to lay out and to count."""

    admin: psycopg.AsyncConnection[Any]
    pool: AsyncConnectionPool[Any]
    worker: Worker
    setup: TenantSetup
    system: FreeSystem
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

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
    async with admin, make_pool(conninfo, "bench", 2, 8) as pool:
        await admin.execute("insert into tenants (tenant_id, name) values (%s, %s)", (TENANT, TENANT))
        clock = lambda: datetime.now(UTC)  # noqa: E731
        worker = Worker(pool, conninfo, {TENANT: setup}, NoCipher(), clock, "bench", 30.0)
        yield Ground(admin=admin, pool=pool, worker=worker, setup=setup, system=system)


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


class Stopwatch:
    def __init__(self) -> None:
        self.started = time.monotonic()

    @property
    def s(self) -> float:
        return time.monotonic() - self.started

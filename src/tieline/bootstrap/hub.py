"""The hub: store, landscape, edge, API and worker put together, and closed in order."""

from __future__ import annotations

import contextlib
import gc
import os
import secrets
import shutil
import socket
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path

from starlette.types import ASGIApp

from tieline import __version__
from tieline.adapters.cipher import AesCipher, key_of
from tieline.adapters.config import Settings, load
from tieline.adapters.postgres import examination, launcher, roles
from tieline.adapters.postgres.changes import needed
from tieline.adapters.postgres.pools import pool as make_pool
from tieline.adapters.postgres.pools import tenant_tx
from tieline.adapters.postgres.principals import ApiKey, create_principal
from tieline.adapters.vault import EnvFileVault
from tieline.api.app import create_app
from tieline.api.services import Services
from tieline.bootstrap.clock import business_clock
from tieline.bootstrap.landscape import Around, as_it_is, build_landscape
from tieline.bootstrap.store import OpenStore, Pool, join_store, open_pools, open_store, prepare_tenants
from tieline.bootstrap.supposed import supposed_setup
from tieline.bootstrap.webhooks import endpoints
from tieline.connectors import discover
from tieline.engine.commands import EngineCommands
from tieline.engine.worker import Worker
from tieline.kit.errors import NotFound
from tieline.ports.landscape import Landscape

Clock = Callable[[], datetime]


def now() -> datetime:
    return datetime.now(UTC)


def free_bytes(settings: Settings) -> int | None:
    """Of the disk that holds the embedded store; None when the store is somewhere else."""
    return None if settings.database_url_ref else shutil.disk_usage(settings.home).free


def read_settings(file: Path | None) -> Settings:
    """Raises Rejected (`configuration_invalid`) with one line per fault."""
    return load(file, os.environ, discover())


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """Everything in one process: the application to serve and the worker to run beside it."""

    settings: Settings
    cluster: launcher.Cluster
    api_pool: Pool
    app: ASGIApp
    worker: Worker
    commands: EngineCommands
    landscape: Landscape
    services: Services

    async def issue_key(self, tenant: str, name: str, scopes: Collection[str]) -> ApiKey:
        """A new principal of `tenant`, in place of an earlier one of that name; its key is shown here and nowhere else."""
        if tenant not in self.landscape:
            raise NotFound(f"There is no firm {tenant} in the configuration.")
        async with self.api_pool.connection() as connection, tenant_tx(connection, tenant):
            await connection.execute(_REVOKE, (tenant, name))
            return await create_principal(connection, tenant, name, scopes)


@contextlib.asynccontextmanager
async def hub(
    settings: Settings, clock: Clock = now, around: Around = as_it_is, store: OpenStore = open_store
) -> AsyncIterator[Hub]:
    """Open the store, compile the tenants, build edge, API and worker. Everything is closed in order at the end.

    The worker is built but not running: the caller starts `worker.run()` and ends it with `worker.stop()`.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    vault, key = EnvFileVault(), key_of(settings.home)
    async with contextlib.AsyncExitStack() as stack:
        cluster = store(settings, vault)
        stack.callback(cluster.stop)
        business = await stack.enter_async_context(business_clock(settings, cluster))
        built = build_landscape(settings, vault, around, business)
        stack.push_async_callback(built.aclose)
        pools = await open_pools(stack, cluster)
        await prepare_tenants(pools["api"], settings, built.landscape)
        commands = EngineCommands(pools["api"], built.landscape, clock)
        services = Services(
            pool=pools["api"], edge_pool=pools["edge"], landscape=built.landscape, commands=commands, clock=clock,
            endpoints=endpoints(settings, pools["api"], clock),
            cursor_key=sha256(b"cursor" + key).digest(), version=__version__, compile_setup=supposed_setup, schema_version=needed(),
            examine=partial(examination.examine, now=now),
            free_bytes=partial(free_bytes, settings),
        )  # fmt: skip
        worker = make_worker(settings, cluster, pools["worker"], built.landscape, AesCipher(key), clock)
        settle_memory()
        yield Hub(
            settings=settings, cluster=cluster, api_pool=pools["api"], app=create_app(services), worker=worker,
            commands=commands, landscape=built.landscape, services=services,
        )  # fmt: skip


@contextlib.asynccontextmanager
async def worker_only(settings: Settings, clock: Clock = now) -> AsyncIterator[Worker]:
    """One more worker on a store that another process has opened and migrated."""
    vault = EnvFileVault()
    async with contextlib.AsyncExitStack() as stack:
        cluster = join_store(settings, vault)
        business = await stack.enter_async_context(business_clock(settings, cluster))
        built = build_landscape(settings, vault, business=business)
        stack.push_async_callback(built.aclose)
        worker_pool = await stack.enter_async_context(make_pool(cluster.conninfo(roles.WORKER), "worker", 2, 8))
        cipher = AesCipher(key_of(settings.home))
        settle_memory()
        yield make_worker(settings, cluster, worker_pool, built.landscape, cipher, clock)


def settle_memory() -> None:
    """What the start has loaded lives as long as the process: the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def make_worker(
    settings: Settings,
    cluster: launcher.Cluster,
    worker_pool: Pool,
    landscape: Landscape,
    cipher: AesCipher,
    clock: Clock,
) -> Worker:
    worker_id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    return Worker(
        worker_pool, cluster.conninfo(roles.WORKER), landscape, cipher, clock, worker_id, float(settings.worker.lease_s)
    )


_REVOKE = "update principals set revoked_at = now() where tenant_id = %s and name = %s and revoked_at is null"

"""The composition root: the one place that knows every concrete class and hands each what it needs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import uvicorn
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool
from starlette.routing import Mount, Router
from starlette.types import ASGIApp

from tieline import __version__
from tieline.adapters.cipher import AesCipher, key_of
from tieline.adapters.config import Settings, SystemSettings, Tenant, load
from tieline.adapters.http import GuardedHttp
from tieline.adapters.postgres import durability, launcher, migrate, roles
from tieline.adapters.postgres.pools import pool as make_pool
from tieline.adapters.postgres.pools import tenant_tx
from tieline.adapters.postgres.principals import ApiKey, create_principal, create_tenant
from tieline.adapters.vault import EnvFileVault
from tieline.api.app import create_app
from tieline.api.services import Services
from tieline.api.source import ApiSource
from tieline.connectors import discover
from tieline.console import Doors, create_console
from tieline.domain import fact_schemas, holds
from tieline.domain.facts import fact_of_record
from tieline.engine.commands import EngineCommands, replan_all
from tieline.engine.worker import Worker
from tieline.flows.registry import all_flows
from tieline.kit.errors import NotFound, Unavailable
from tieline.ports.http import Http
from tieline.ports.landscape import Advice, Landscape, TenantSetup
from tieline.ports.systems import Change, Source
from tieline.ports.vault import Vault
from tieline.sdk import SourceOfRecords
from tieline.sdk.system import ConnectedSystem

Pool = AsyncConnectionPool[AsyncConnection]
Clock = Callable[[], datetime]
OpenStore = Callable[[Settings, Vault], launcher.Cluster]
Around = Callable[[Http], Http]  # for measuring: what stands between a connector and its client
LOCAL_SCOPES = (
    "contract:read", "event:read", "hold:retry", "invoice:release", "invoice:request", "plan:apply",
    "system:read", "time:write",
)  # fmt: skip


def now() -> datetime:
    return datetime.now(UTC)


def as_it_is(http: Http) -> Http:
    return http


def read_settings(file: Path | None) -> Settings:
    """Raises Rejected (`configuration_invalid`) with one line per fault."""
    return load(file, os.environ, discover())


# -- the firm's landscape ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Landscapes:
    """Compiled tenants with their open HTTP clients."""

    landscape: Landscape
    clients: tuple[GuardedHttp, ...]

    async def aclose(self) -> None:
        for client in self.clients:
            await client.aclose()


def build_landscape(settings: Settings, vault: Vault, around: Around = as_it_is) -> Landscapes:
    """Connect nothing yet: clients open on first use; each is handed to its connector through `around`. Raises CredentialInvalid for a secret that cannot be had."""
    clients: list[GuardedHttp] = []
    landscape = {name: _setup(tenant, vault, around, clients) for name, tenant in settings.tenants.items()}
    return Landscapes(landscape=landscape, clients=tuple(clients))


def _setup(tenant: Tenant, vault: Vault, around: Around, clients: list[GuardedHttp]) -> TenantSetup:
    systems = {name: _system(each, vault, around, clients) for name, each in tenant.systems.items()}
    sources: dict[str, Source] = {"api": ApiSource()}
    sources |= {name: _Named(name, s.source) for name, s in systems.items() if isinstance(s.source, SourceOfRecords)}
    return TenantSetup(
        tenant=tenant.name, firm=tenant.firm, config_version=tenant.config_version, systems=systems, sources=sources,
        flows=all_flows(), route=tenant.firm.system_for, refuse=lambda system, change: refuse(tenant, system, change),
        describe=describe, check_fact=fact_schemas.validate, advise=advise,
        today=lambda legal_entity, moment: today(tenant, legal_entity, moment),
        poll_every_s={name: each.poll_every_s for name, each in tenant.systems.items() if each.poll_every_s},
    )  # fmt: skip


def _system(each: SystemSettings, vault: Vault, around: Around, clients: list[GuardedHttp]) -> ConnectedSystem:
    kind = discover()[each.connector]
    http = GuardedHttp(
        each.settings.base_url, name=each.name, allow_private_addresses=each.settings.allow_private_addresses,
        refused_503=kind.manifest.refused_503, connections=64,
    )  # fmt: skip
    clients.append(http)
    values = {name: vault.secret(reference) for name, reference in each.secret_refs.items()}
    connector = kind(each.settings, around(http), values, each.overlay)
    return ConnectedSystem(each.name, connector, call_life_s=each.call_life_s)


class _Named:
    """A connector as a source under its configured name."""

    def __init__(self, name: str, source: Any) -> None:
        self.name, self.topics = name, source.topics
        self.verify, self.fetch, self.pages, self.changes = source.verify, source.fetch, source.pages, source.changes


def refuse(tenant: Tenant, system: str, change: Change) -> str | None:
    """Why this system may not change this record, None when one of its roles owns all that it changes (O3)."""
    played = [role for role, table in tenant.firm.roles.items() if system in table.values()]
    played += ["api", "inbox"] if system == "api" else []  # people may hand in what an inbox takes
    fields = change.fields or tuple(change.doc)
    entity = change.legal_entity or "*"
    foreign: list[list[str]] = [tenant.ownership.refused(role, change.kind, fields, entity) for role in played]
    if any(not each for each in foreign):
        return None
    return f"{system} is not the owner of {', '.join(foreign[0])} of {change.kind} and may not change it"


def describe(change: Change) -> tuple[str, dict[str, Any]] | None:
    event_type = fact_of_record(change.kind, change.doc)
    return (event_type, dict(change.doc)) if event_type else None


def advise(code: str) -> Advice:
    return Advice(owner=holds.known_code(code).owner, way_out=holds.general_way_out(code))


def today(tenant: Tenant, legal_entity: str | None, moment: datetime) -> date:
    known = legal_entity in tenant.firm.legal_entities
    return tenant.firm.today(str(legal_entity), moment) if known else moment.date()


# -- the store --------------------------------------------------------------------------------------------------------


def open_store(settings: Settings, vault: Vault) -> launcher.Cluster:
    """The embedded server or the one by URL, migrated, and refused when it is not durable (L1)."""
    cluster = launcher.start(settings.home) if not settings.database_url_ref else join_store(settings, vault)
    with psycopg.connect(cluster.conninfo(roles.ADMIN)) as connection:
        durability.check_version(connection)
        durability.check_durability(connection)
    migrate.migrate(cluster.conninfo(roles.ADMIN))
    return cluster


def join_store(settings: Settings, vault: Vault) -> launcher.Cluster:
    """A store that another process has opened and migrated."""
    if settings.database_url_ref:
        return launcher.external(vault.secret(settings.database_url_ref).reveal())
    return launcher.attach(settings.home)


async def prepare_tenants(api_pool: Pool, settings: Settings, landscape: Landscape) -> list[str]:
    """Make every tenant known; wake all its lanes when its configuration is another than it was planned with."""
    changed = []
    for name, setup in landscape.items():
        async with api_pool.connection() as connection:
            async with tenant_tx(connection, name):
                await create_tenant(connection, name, settings.tenants[name].firm.tenant)
            if await replan_all(connection, setup):
                changed.append(name)
    return changed


# -- the hub ----------------------------------------------------------------------------------------------------------


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
        built = build_landscape(settings, vault, around)
        stack.push_async_callback(built.aclose)
        pools = await _open_pools(stack, cluster)
        await prepare_tenants(pools["api"], settings, built.landscape)
        commands = EngineCommands(pools["api"], built.landscape, clock)
        services = Services(
            pool=pools["api"], edge_pool=pools["edge"], landscape=built.landscape, commands=commands, clock=clock,
            cursor_key=sha256(b"cursor" + key).digest(), version=__version__,
        )  # fmt: skip
        worker = make_worker(settings, cluster, pools["worker"], built.landscape, AesCipher(key), clock)
        yield Hub(
            settings=settings, cluster=cluster, api_pool=pools["api"], app=create_app(services), worker=worker,
            commands=commands, landscape=built.landscape,
        )  # fmt: skip


@contextlib.asynccontextmanager
async def worker_only(settings: Settings, clock: Clock = now) -> AsyncIterator[Worker]:
    """One more worker on a store that another process has opened and migrated."""
    vault = EnvFileVault()
    async with contextlib.AsyncExitStack() as stack:
        cluster = join_store(settings, vault)
        built = build_landscape(settings, vault)
        stack.push_async_callback(built.aclose)
        worker_pool = await stack.enter_async_context(make_pool(cluster.conninfo(roles.WORKER), "worker", 2, 8))
        cipher = AesCipher(key_of(settings.home))
        yield make_worker(settings, cluster, worker_pool, built.landscape, cipher, clock)


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


# -- running it -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Said once, when the hub takes requests. `login_link` opens the console one time."""

    url: str
    login_link: str
    api_key: str = field(repr=False)


async def run_hub(settings: Settings, on_ready: Callable[[Ready], None]) -> None:
    """Serve edge, API and console, and work, until SIGTERM or SIGINT; then finish what is under way."""
    async with hub(settings) as running:
        doors = Doors(time.monotonic)
        async with served_site(settings, _site(running, doors)) as site_served:
            work = asyncio.create_task(running.worker.run())
            try:
                on_ready(await _ready(running, site_served.url, doors))
                await asyncio.wait({work, site_served.serving}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                running.worker.stop()
                await work


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedSite:
    url: str
    serving: asyncio.Task[None]


@contextlib.asynccontextmanager
async def served_site(settings: Settings, site: ASGIApp) -> AsyncIterator[ServedSite]:
    """Listen where the settings say; requests under way are finished at the end."""
    config = uvicorn.Config(
        site, host=settings.listen.host, port=settings.listen.port, log_level="warning", access_log=False,
        server_header=False, timeout_graceful_shutdown=10,
    )  # fmt: skip
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    try:
        await _until_started(server, serving)
        host, port = server.servers[0].sockets[0].getsockname()[:2]
        yield ServedSite(url=f"http://{host}:{port}", serving=serving)
    finally:
        server.should_exit = True
        await serving


async def run_edge(settings: Settings, on_ready: Callable[[Ready], None]) -> None:
    """Edge, API and console without a worker, on a store that another process has opened, until SIGTERM or SIGINT."""
    async with hub(settings, store=join_store) as running:
        doors = Doors(time.monotonic)
        async with served_site(settings, _site(running, doors)) as site_served:
            on_ready(await _ready(running, site_served.url, doors))
            await site_served.serving


def _site(running: Hub, doors: Doors) -> ASGIApp:
    return Router([Mount("/console", create_console(running.app, doors=doors)), Mount("/", running.app)])


async def run_store(settings: Settings, on_ready: Callable[[], None]) -> None:
    """The embedded store alone, migrated, until SIGTERM or SIGINT: for an edge and workers in processes of their own."""
    cluster = open_store(settings, EnvFileVault())
    try:
        ended = asyncio.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, ended.set)
        on_ready()
        await ended.wait()
    finally:
        cluster.stop()


async def run_worker(settings: Settings) -> None:
    """One more worker, until SIGTERM or SIGINT."""
    async with worker_only(settings) as worker:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, worker.stop)
        await worker.run()


async def _until_started(server: uvicorn.Server, serving: asyncio.Task[None]) -> None:
    while not server.started:
        if serving.done():
            raise Unavailable("The address cannot be listened on; another process may hold the port.")
        await asyncio.sleep(0.01)


async def _ready(running: Hub, url: str, doors: Doors) -> Ready:
    issued = await running.issue_key(next(iter(running.landscape)), "this machine", LOCAL_SCOPES)
    return Ready(url=url, login_link=f"{url}/console/enter/{doors.leave(issued.key)}", api_key=issued.key)


_REVOKE = "update principals set revoked_at = now() where tenant_id = %s and name = %s and revoked_at is null"


async def _open_pools(stack: contextlib.AsyncExitStack, cluster: launcher.Cluster) -> Mapping[str, Pool]:
    sizes = {"api": (roles.API, 8), "edge": (roles.EDGE, 2), "worker": (roles.WORKER, 8)}
    return {
        name: await stack.enter_async_context(make_pool(cluster.conninfo(role), name, 1, most))
        for name, (role, most) in sizes.items()
    }

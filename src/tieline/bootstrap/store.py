"""The store: the embedded server or one by URL, prepared for this code, refused when it is not durable, and its pools."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import NoReturn

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from tieline.adapters.config import Settings
from tieline.adapters.postgres import durability, fitness, launcher, migrate, roles
from tieline.adapters.postgres.pools import pool as make_pool
from tieline.adapters.postgres.pools import renew_all, tenant_tx
from tieline.adapters.postgres.principals import create_tenant
from tieline.bootstrap.clock import prepare_clock
from tieline.engine.commands import replan_all
from tieline.ports.landscape import Landscape
from tieline.ports.vault import Vault

Pool = AsyncConnectionPool[AsyncConnection]
WATCH_S = 1.0
OpenStore = Callable[[Settings, Vault], launcher.Cluster]


def open_store(settings: Settings, vault: Vault) -> launcher.Cluster:
    """The embedded server or the one by URL, prepared for this code, and refused when it is not durable (L1).

    Processes of the former version may be at work on it; what they cannot live with is left to `tieline upgrade --post`.
    """
    cluster = launcher.start(settings.home) if not settings.database_url_ref else reach_store(settings, vault)
    with psycopg.connect(cluster.conninfo(roles.ADMIN)) as connection:
        durability.check_version(connection)
        durability.check_durability(connection)
    migrate.prepare(cluster.conninfo(roles.ADMIN))
    prepare_clock(settings, cluster.conninfo(roles.ADMIN))
    return cluster


def reach_store(settings: Settings, vault: Vault) -> launcher.Cluster:
    """A store that another process has opened, whatever its schema is."""
    if settings.database_url_ref:
        return launcher.external(vault.secret(settings.database_url_ref).reveal())
    return launcher.attach(settings.home)


def join_store(settings: Settings, vault: Vault) -> launcher.Cluster:
    """A store that another process has opened. Raises Conflict when it is too old or too new for this code."""
    cluster = reach_store(settings, vault)
    try:
        with psycopg.connect(cluster.conninfo(roles.WORKER), autocommit=True) as connection:
            fitness.check(connection)
    except psycopg.OperationalError:
        pass  # it is away: the pools wait for it, and `watch_fitness` asks later
    return cluster


async def watch_fitness(cluster: launcher.Cluster) -> NoReturn:
    """Asks now and then for as long as a process runs; renews the pools when a migration has changed tables under them.

    Raises Conflict when the store was upgraded beyond this code.
    """
    known = ""
    while True:
        with contextlib.suppress(psycopg.OperationalError):  # it is away: that is for others to mend
            async with await AsyncConnection.connect(cluster.conninfo(roles.WORKER), autocommit=True) as connection:
                while True:
                    found = await fitness.fits(connection)
                    if known and found != known:
                        await renew_all()
                    known = found
                    await asyncio.sleep(WATCH_S)
        await asyncio.sleep(WATCH_S)


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


async def open_pools(stack: contextlib.AsyncExitStack, cluster: launcher.Cluster) -> Mapping[str, Pool]:
    sizes = {"api": (roles.API, 8), "edge": (roles.EDGE, 2), "worker": (roles.WORKER, 8)}
    return {
        name: await stack.enter_async_context(make_pool(cluster.conninfo(role), name, 1, most))
        for name, (role, most) in sizes.items()
    }

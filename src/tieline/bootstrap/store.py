"""The store: the embedded server or one by URL, migrated, refused when it is not durable, and its pools."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from tieline.adapters.config import Settings
from tieline.adapters.postgres import durability, launcher, migrate, roles
from tieline.adapters.postgres.pools import pool as make_pool
from tieline.adapters.postgres.pools import tenant_tx
from tieline.adapters.postgres.principals import create_tenant
from tieline.engine.commands import replan_all
from tieline.ports.landscape import Landscape
from tieline.ports.vault import Vault

Pool = AsyncConnectionPool[AsyncConnection]
OpenStore = Callable[[Settings, Vault], launcher.Cluster]


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


async def open_pools(stack: contextlib.AsyncExitStack, cluster: launcher.Cluster) -> Mapping[str, Pool]:
    sizes = {"api": (roles.API, 8), "edge": (roles.EDGE, 2), "worker": (roles.WORKER, 8)}
    return {
        name: await stack.enter_async_context(make_pool(cluster.conninfo(role), name, 1, most))
        for name, (role, most) in sizes.items()
    }

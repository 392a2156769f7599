"""Backup and restore put together: the server's copy, then everything that makes a hub that was set back harmless."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from psycopg import AsyncConnection

from tieline.adapters.config import Settings
from tieline.adapters.postgres import backup, launcher, roles
from tieline.adapters.vault import EnvFileVault
from tieline.bootstrap.auditing import run_new_epoch
from tieline.bootstrap.landscape import build_landscape
from tieline.bootstrap.store import open_store
from tieline.engine.reconverge import read_everything_back
from tieline.kit.errors import Rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """`former` is the folder with the state that was given up; `read_back` how many documents each firm compares again."""

    to: datetime
    former: Path
    read_back: Mapping[str, int]


def run_backup(settings: Settings, folder: Path) -> backup.Copy:
    """On a hub that is running. From then on every change is kept in `folder`, too."""
    _own(settings)
    return backup.backup(launcher.attach(settings.home), folder)


def run_restore(settings: Settings, folder: Path, to: datetime, by: str, reason: str) -> Restored:
    """On a hub that is stopped. Afterwards it can be started: nothing that a system already holds is made again."""
    _own(settings)
    former = backup.restore(settings.home, folder, to)
    vault = EnvFileVault()
    cluster = open_store(settings, vault)
    try:
        for tenant in settings.tenants:
            run_new_epoch(settings, tenant, by, reason)
        return Restored(to=to, former=former, read_back=asyncio.run(_doubted(settings, cluster, vault)))
    finally:
        cluster.stop()


async def _doubted(settings: Settings, cluster: launcher.Cluster, vault: EnvFileVault) -> dict[str, int]:
    built = build_landscape(settings, vault)
    try:
        connection = await AsyncConnection.connect(cluster.conninfo(roles.WORKER), autocommit=True)
        async with connection:
            return {name: await read_everything_back(connection, setup) for name, setup in built.landscape.items()}
    finally:
        await built.aclose()


def _own(settings: Settings) -> None:
    if settings.database_url_ref:
        raise Rejected(
            "The database is a server of your own (database.url_ref): back it up and restore it with its own tools, "
            "then give `tieline audit new-epoch` for every firm before the hub starts again."
        )

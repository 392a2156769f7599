"""An upgrade put together: how far the store is, who works on it, and the two steps, each safe to repeat."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psycopg

from tieline.adapters.config import Settings
from tieline.adapters.postgres import fitness, launcher, migrate, roles
from tieline.adapters.postgres.changes import head
from tieline.adapters.vault import EnvFileVault
from tieline.bootstrap.store import reach_store
from tieline.kit.errors import Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeStanding:
    """`older` and `at_work` name processes as the store sees them; `next` is `pre`, `post` or empty."""

    store: str
    code: str
    pending: Sequence[str]
    at_work: Sequence[str]
    older: Sequence[str]
    next: str


def run_check(settings: Settings) -> UpgradeStanding:
    """Reads only. Raises Unavailable when the store does not run."""
    return _standing(reach_store(settings, EnvFileVault()).conninfo(roles.ADMIN))


def run_pre(settings: Settings) -> UpgradeStanding:
    """What older processes can live with. They go on working meanwhile and afterwards."""
    with _store(settings) as conninfo:
        migrate.prepare(conninfo)
        return _standing(conninfo)


def run_post(settings: Settings) -> UpgradeStanding:
    """The rest. Raises Conflict while an older process is at work; afterwards none can start."""
    with _store(settings) as conninfo:
        migrate.prepare(conninfo)
        migrate.finish(conninfo)
        return _standing(conninfo)


def _standing(conninfo: str) -> UpgradeStanding:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        found, everybody = migrate.standing(connection), fitness.at_work(connection)
    following = "" if found.finished or found.schema > head() else "post" if found.prepared else "pre"
    return UpgradeStanding(
        store=found.schema, code=head(), pending=[str(change) for change in found.pending],
        at_work=[str(one) for one in everybody], older=[str(one) for one in fitness.older(everybody, head())],
        next=following,
    )  # fmt: skip


@contextlib.contextmanager
def _store(settings: Settings) -> Iterator[str]:
    """A store that runs; an embedded one that does not is started for as long as this takes."""
    try:
        cluster = reach_store(settings, EnvFileVault())
    except Unavailable:
        cluster = launcher.start(settings.home)
    try:
        yield cluster.conninfo(roles.ADMIN)
    finally:
        cluster.stop()

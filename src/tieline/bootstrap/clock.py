"""Which clock business goes by: the wall clock, or in a rehearsal one that is kept in the store and can be moved."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import psycopg

from tieline.adapters.config import Settings
from tieline.adapters.postgres import launcher, roles
from tieline.engine.clock import MovedClock, SteadyClock, kept
from tieline.kit.errors import Conflict
from tieline.ports.clock import BusinessClock


def prepare_clock(settings: Settings, admin: str) -> None:
    """Give a new store of a rehearsal its clock. Raises Conflict when store and configuration do not mean the same."""
    with psycopg.connect(admin, autocommit=True) as connection:
        rehearsal = connection.execute("select from business_clock").fetchone() is not None
        check(settings, rehearsal or (settings.clock_movable and _is_new(connection)))
        if settings.clock_movable:
            connection.execute("insert into business_clock default values on conflict do nothing")


def check(settings: Settings, rehearsal: bool) -> None:
    if rehearsal and not settings.clock_movable:
        raise Conflict(
            "This store belongs to a rehearsal: its clock can be moved, so its days are not real. "
            "Start with another home, or with the configuration of the rehearsal (clock.movable: true).",
            code="store_of_a_rehearsal",
        )
    if settings.clock_movable and not rehearsal:
        raise Conflict(
            "clock.movable is true, but this store has worked by the wall clock already and stays with it. "
            "Take clock out of tieline.yaml, or start the rehearsal with a home of its own.",
            code="store_of_real_days",
        )


def _is_new(connection: psycopg.Connection) -> bool:
    """Whether nothing has ever been handed in here. What we may not see counts as there."""
    try:
        with connection.transaction():
            connection.execute("set local row_security = off")
            return connection.execute("select from lanes union all select from inputs limit 1").fetchone() is None
    except psycopg.errors.InsufficientPrivilege:
        return False


@contextlib.asynccontextmanager
async def business_clock(settings: Settings, cluster: launcher.Cluster) -> AsyncIterator[BusinessClock]:
    """For as long as a process works. Raises Conflict when store and configuration do not mean the same."""
    conninfo = cluster.conninfo(roles.WORKER)
    with contextlib.suppress(psycopg.OperationalError):  # it is away: the pools wait for it
        async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
            found = await (await connection.execute("select from business_clock")).fetchone()
            check(settings, found is not None)
    if not settings.clock_movable:
        yield SteadyClock()
        return
    async with kept(conninfo) as clock:
        yield clock


def movable(clock: BusinessClock) -> MovedClock | None:
    return clock if isinstance(clock, MovedClock) else None

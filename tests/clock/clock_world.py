"""A clock that is kept in a real store: moved by its duty, followed by as many processes as a test likes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from database import Database
from tieline.adapters.postgres import roles
from tieline.adapters.postgres.pools import pool as make_pool
from tieline.engine.clock import Journey, MovedClock, ask_for, kept
from tieline.engine.duties.schedules import Schedule
from tieline.engine.rows import Cursor

TENANT = "acme"


def wall() -> datetime:
    return datetime.now(UTC)


@dataclass
class ClockWorld:
    """`journey` is the duty of one scheduler; `clock` is what its process believes."""

    database: Database
    pool: Any
    clock: MovedClock
    journey: Journey

    def now(self) -> datetime:
        return self.clock.present(wall())

    async def ask(self, to: datetime) -> None:
        async with self.orders() as cursor:
            await ask_for(cursor, to, self.now())

    async def go(self, to: datetime) -> None:
        """There, with everything on the way worked off."""
        await self.ask(to)
        while await self.journey.round():
            pass

    @contextlib.asynccontextmanager
    async def orders(self) -> AsyncIterator[Cursor]:
        """As the API."""
        conninfo = self.database.conninfo(roles.API)
        async with (
            await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection,
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            yield cursor

    async def rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        async with await psycopg.AsyncConnection.connect(
            self.database.admin, autocommit=True, row_factory=dict_row
        ) as connection:
            return await (await connection.execute(sql.encode(), parameters)).fetchall()


@contextlib.asynccontextmanager
async def clock_world(
    database: Database, schedules: Sequence[Schedule] = (), patience_s: float = 10.0
) -> AsyncIterator[ClockWorld]:
    with psycopg.connect(database.admin, autocommit=True) as connection:
        connection.execute("insert into business_clock default values on conflict do nothing")
    async with (
        kept(database.conninfo(roles.WORKER)) as clock,
        make_pool(database.conninfo(roles.SCHEDULER), "scheduler", 1, 4) as pool,
    ):
        journey = Journey(pool, (TENANT,), schedules, clock, wall, patience_s)
        yield ClockWorld(database, pool, clock, journey)


async def until(true: Callable[[], bool], what: str, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"never true: {what}"
        await asyncio.sleep(0.01)

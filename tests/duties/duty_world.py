"""Schedulers in one process over a real database: each with its own pool, as two hosts would have."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.rows import dict_row

from database import Database
from tieline.adapters.postgres import roles
from tieline.adapters.postgres.pools import pool
from tieline.engine.duties import Duty, Runner

PATIENCE_S = 10.0


@dataclass
class Schedulers:
    database: Database
    runners: list[Runner] = field(default_factory=list)
    running: list[asyncio.Task[None]] = field(default_factory=list)
    stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    async def start(self, name: str, duties: Sequence[Duty], lease_s: float = 0.6) -> tuple[Runner, asyncio.Task[None]]:
        made = await self.stack.enter_async_context(pool(self.database.conninfo(roles.SCHEDULER), "scheduler", 1, 4))
        runner = Runner(made, duties, name, lease_s)
        work = asyncio.create_task(runner.run())
        self.runners.append(runner)
        self.running.append(work)
        return runner, work

    async def rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        async with await psycopg.AsyncConnection.connect(
            self.database.admin, autocommit=True, row_factory=dict_row
        ) as connection:
            return await (await connection.execute(sql.encode(), parameters)).fetchall()


@contextlib.asynccontextmanager
async def schedulers(database: Database) -> AsyncIterator[Schedulers]:
    made = Schedulers(database)
    async with made.stack:
        try:
            yield made
        finally:
            for runner in made.runners:
                runner.stop()
            await asyncio.gather(*made.running, return_exceptions=True)


async def until(true: Callable[[], bool], what: str, seconds: float = PATIENCE_S) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"never true: {what}"
        await asyncio.sleep(0.01)


async def until_row(world: Schedulers, sql: str, *parameters: Any, seconds: float = PATIENCE_S) -> dict[str, Any]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := await world.rows(sql, *parameters):
            return found[0]
        await asyncio.sleep(0.02)
    raise AssertionError(f"never true: {sql}; duties: {await world.rows('select * from duties')}")

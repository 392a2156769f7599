"""How each process of a rehearsal learns within a moment that the clock was moved: told by the store, and asking by itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import structlog

from tieline.engine.clock.moved import MovedClock

ASK_S = 0.4  # a notice may get lost; everybody must know within a second
log = structlog.get_logger("tieline.clock")


@contextlib.asynccontextmanager
async def kept(conninfo: str) -> AsyncIterator[MovedClock]:
    """A clock that follows the store for as long as the block lasts. It knows every earlier move before the block begins."""
    keeper = _Keeper(conninfo)
    async with await keeper.connect() as connection:
        await keeper.read(connection)
    following = asyncio.create_task(keeper.follow())
    try:
        yield keeper.clock
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


class _Keeper:
    def __init__(self, conninfo: str) -> None:
        self.clock = MovedClock()
        self._conninfo = conninfo
        self._last = 0

    async def connect(self) -> psycopg.AsyncConnection[Any]:
        return await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)

    async def read(self, connection: psycopg.AsyncConnection[Any]) -> bool:
        """Whether there was anything new."""
        rows = await (await connection.execute(_NEWER, (self._last,))).fetchall()
        self.clock.learn((moved_at, ahead) for _, moved_at, ahead in rows)
        self._last = rows[-1][0] if rows else self._last
        return rows != []

    async def follow(self) -> None:
        while True:
            try:
                async with await self.connect() as connection:
                    await connection.execute("listen tieline_clock")
                    while True:
                        if await self.read(connection):
                            await connection.execute(
                                "select pg_notify('tieline_work', 'clock')"
                            )  # lanes may be due now
                        async for _ in connection.notifies(timeout=ASK_S, stop_after=1):
                            pass
            except (psycopg.Error, OSError) as error:
                log.warning("store_away", loop="clock", error=type(error).__name__)
            await asyncio.sleep(0.2)


_NEWER = "select move_id, moved_at, ahead from clock_moves where move_id > %s order by move_id"

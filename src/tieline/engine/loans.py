"""Connections that the loops of one worker keep while all goes well.

A pool cleans what comes back with a round trip. The engine sets nothing for longer than a transaction, so a connection
whose transaction ended well needs no cleaning; after any error it goes back to the pool, which cleans or replaces it (X23).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection, InterfaceError, OperationalError
from psycopg.pq import TransactionStatus
from psycopg_pool import AsyncConnectionPool

KEPT_MAX = 4


class Loans:
    """Lends like a pool: `async with loans.connection() as connection`."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self.pool = pool
        self._kept: list[AsyncConnection[Any]] = []

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection[Any]]:
        """Raises what the pool raises, when it has none to give."""
        lent = self._kept.pop() if self._kept else await self.pool.getconn()
        try:
            yield lent
        except BaseException as error:
            await self.pool.putconn(lent)
            if isinstance(error, OperationalError | InterfaceError):
                await self.give_back()  # the others have most likely met the same fate
            raise
        if self.pool.get_stats().get("requests_waiting"):
            await self.give_back()  # somebody else of this process waits for one
        elif len(self._kept) < KEPT_MAX and lent.info.transaction_status == TransactionStatus.IDLE:
            self._kept.append(lent)
            return
        await self.pool.putconn(lent)

    async def give_back(self) -> None:
        """Everything to the pool."""
        while self._kept:
            await self.pool.putconn(self._kept.pop())

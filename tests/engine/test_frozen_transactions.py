"""Found by the kill test: a worker that is stopped in the middle of a transaction must not keep its shards from others (F26)."""

from __future__ import annotations

import psycopg
import pytest

from database import Database
from tieline.adapters.postgres import pools, roles

_LOCK = "select 1 from shards where shard = 7 for update"


async def test_D5_a_transaction_that_stands_still_inside_a_pipeline_gives_its_locks_back(database: Database) -> None:
    """Its server process waits for more of the pipeline and counts as active, so no limit for idle ones would end it."""
    async with pools.pool(database.conninfo(roles.WORKER), "worker", transaction_s=0.5) as pool:
        frozen = await pool.getconn()
        with pytest.raises(psycopg.OperationalError):
            await _stands_still(frozen, database.conninfo(roles.WORKER))
        await pool.putconn(frozen)


async def _stands_still(frozen: psycopg.AsyncConnection, conninfo: str) -> None:
    """Sends `_LOCK` and then no end of the pipeline; returns when a successor has the lock."""
    async with frozen.pipeline():
        await frozen.execute("begin")
        await frozen.execute(_LOCK)
        frozen.pgconn.send_flush_request()
        frozen.pgconn.flush()
        async with await psycopg.AsyncConnection.connect(conninfo) as successor:
            await _until_locked(successor)
            await successor.execute("set lock_timeout = '5s'")
            assert await (await successor.execute(_LOCK)).fetchone() == (1,)


async def _until_locked(successor: psycopg.AsyncConnection) -> None:
    while True:
        try:
            await successor.execute(_LOCK + " nowait")
        except psycopg.errors.LockNotAvailable:
            return
        finally:
            await successor.rollback()


async def test_the_limit_outlives_every_loan(database: Database) -> None:
    async with pools.pool(database.conninfo(roles.WORKER), "worker", 1, 1) as pool:
        for _ in range(2):
            async with pool.connection() as connection:
                found = await (await connection.execute("show transaction_timeout")).fetchone()
                assert found == ("10s",)

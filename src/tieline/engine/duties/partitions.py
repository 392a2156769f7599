"""The months to come: each table that is partitioned by month has its partitions before anybody writes into them."""

from __future__ import annotations

from typing import Any

from psycopg_pool import AsyncConnectionPool

from tieline.engine.duties.duty import Duty

EVERY_S = 3600.0


def partitions_duty(pool: AsyncConnectionPool[Any]) -> Duty:
    async def round_() -> int:
        async with pool.connection() as connection:
            await connection.execute("select ensure_partitions(now())")
        return 0  # one look an hour is enough, whatever it made

    return Duty(name="partitions", every_s=EVERY_S, run=round_)

"""What is older than the written retention goes, by whole months; answers that are kept for repeated requests after a week.

A month stays while something unfinished refers to it: an unsettled call, an open hold, an event without a position.
"""

from __future__ import annotations

from typing import Any

import structlog
from psycopg_pool import AsyncConnectionPool

from tieline.engine.duties.duty import Duty, fence
from tieline.engine.rows import tenant_transaction
from tieline.ports.landscape import Landscape

EVERY_S = 3600.0
ANSWERS_MAX = 5000  # of one firm in one round: short transactions, and the next round follows at once
log = structlog.get_logger("tieline.retention")


def retention_duty(pool: AsyncConnectionPool[Any], landscape: Landscape) -> Duty:
    async def round_() -> int:
        dropped = await drop_months(pool)
        return dropped + sum([await forget_answers(pool, tenant) for tenant in landscape])

    return Duty(name="retention", every_s=EVERY_S, run=round_)


async def drop_months(pool: AsyncConnectionPool[Any]) -> int:
    async with pool.connection() as connection:
        done = await connection.execute("select drop_expired_partitions(now())")
        names = [name for (name,) in await done.fetchall()]
    for name in names:
        log.info("month_dropped", partition=name)
    return len(names)


async def forget_answers(pool: AsyncConnectionPool[Any], tenant: str) -> int:
    """A repeated request is recognised for seven days; what is still under way stays."""
    async with pool.connection() as connection, tenant_transaction(connection, tenant) as cursor:
        await fence(cursor)
        await cursor.execute(_FORGET, (tenant, ANSWERS_MAX))
        return len(await cursor.fetchall())


_FORGET = """delete from idempotency where (tenant_id, principal_id, operation, key) in (
  select tenant_id, principal_id, operation, key from idempotency
  where tenant_id = %s and created_at < now() - interval '7 days' and status is not null limit %s)
returning key"""

"""Budgets of a process without a worker: somebody must renew what its calls need, and give it back when they are done."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from tieline.engine.budgets.budgets import Budgets
from tieline.engine.budgets.share import leave
from tieline.ports.landscape import Landscape

LOOK_S = 0.05
IDLE_S = 2.0  # slots that nobody uses for so long are left to others
log = structlog.get_logger("tieline.budgets")
_AWAY = (psycopg.Error, PoolTimeout, OSError)


@contextlib.asynccontextmanager
async def own_budgets(pool: AsyncConnectionPool[Any], landscape: Landscape, owner: str) -> AsyncIterator[Budgets]:
    """In the background: what workers want goes first. Slots are given back at the end."""
    budgets = Budgets(owner, landscape, background=True)
    keeping = asyncio.create_task(_keep(pool, budgets))
    try:
        yield budgets
    finally:
        budgets.close()
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        with contextlib.suppress(*_AWAY):
            await _give_back(pool, budgets)


async def _keep(pool: AsyncConnectionPool[Any], budgets: Budgets) -> None:
    used_at = float("-inf")
    while True:
        await asyncio.sleep(LOOK_S)
        gates = budgets.gates.values()
        if any(gate.waiting or gate.under_way for gate in gates):
            used_at = budgets.clock()
        try:
            if budgets.clock() - used_at < IDLE_S:
                async with pool.connection() as connection:
                    await budgets.refresh(connection)
            elif any(gate.slots for gate in gates):
                await _give_back(pool, budgets)
        except _AWAY as error:
            log.warning("store_away", error=type(error).__name__)


async def _give_back(pool: AsyncConnectionPool[Any], budgets: Budgets) -> None:
    for gate in budgets.gates.values():
        gate.slots = gate.share = 0
    async with pool.connection() as connection:
        await leave(connection, budgets.worker)

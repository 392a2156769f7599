"""One worker: leases, intake, planning, pump. Any number of them share a store; only row locks and leases coordinate."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from tieline.engine.budgets.share import leave as leave_budgets
from tieline.engine.intake import Intake
from tieline.engine.leases import Leases
from tieline.engine.loans import Loans
from tieline.engine.planning.planner import Planner
from tieline.engine.polling import Polling
from tieline.engine.pumps.pump import BUSY, GATHER_S, Pump
from tieline.engine.pumps.takeover import take_over
from tieline.ports.landscape import Cipher, Landscape

FINISHERS = 2  # while one waits for its commit, the other takes what has finished since
FULL = 32  # a round that took so much (the least share of a shard) may have left something
IDLE_S = 0.5  # how long a loop waits when nobody wakes it: notices may get lost, work may not
log = structlog.get_logger("tieline.worker")
_AWAY = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, OSError)


class Worker:
    """`await run()` until `stop()`. An ordered end settles what is under way and gives the shards back."""

    def __init__(
        self,
        pool: AsyncConnectionPool[Any],
        conninfo: str,
        landscape: Landscape,
        cipher: Cipher,
        clock: Callable[[], datetime],
        worker_id: str,
        lease_s: float = 3.0,
    ) -> None:
        self.pool, self.conninfo, self.landscape, self.clock = pool, conninfo, landscape, clock
        self.leases = Leases(worker=worker_id, lease_s=lease_s)
        self._intake_wanted, self._plan_wanted = asyncio.Event(), asyncio.Event()
        self.loans = Loans(pool)
        self.pump = Pump(self.loans, self.leases, landscape, cipher, clock, self._plan_wanted.set)
        self.planner = Planner(self.loans, self.leases, landscape, clock, self.pump)
        self.intake = Intake(self.loans, self.leases, landscape, clock, self._plan_wanted.set)
        self.polling = Polling(pool, self.leases, landscape, self._intake_wanted.set, self.pump.budgets)
        self._inherited: set[int] = set()  # shards taken whose former owner's calls are not resolved yet
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Work until stopped. Losing the store pauses the worker; it goes on when the store is back."""
        lasting = [asyncio.create_task(self._finishing()) for _ in range(FINISHERS)]
        lasting.append(asyncio.create_task(self._beating()))  # the lease must outlive what is under way at the end
        loops = [
            self._listening(), self._loop("intake", self.intake.round, self._intake_wanted),
            self._loop("planner", self.planner.round, self._plan_wanted),
            self._loop("pump", self._pump_round, self.pump.wanted), self._loop("polling", self.polling.round, None, 1.0),
        ]  # fmt: skip
        try:
            async with asyncio.TaskGroup() as group:
                for loop in loops:
                    group.create_task(loop)
        finally:
            await self._end(lasting)

    def stop(self) -> None:
        self._stopping.set()
        for event in (self._intake_wanted, self._plan_wanted, self.pump.wanted):
            event.set()

    async def _end(self, lasting: Sequence[asyncio.Task[None]]) -> None:
        await self.intake.drain()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.pump.settled(), timeout=20)
        for one in lasting:
            one.cancel()
        await asyncio.gather(*lasting, return_exceptions=True)
        await self.loans.give_back()
        with contextlib.suppress(*_AWAY):
            async with self.pool.connection() as connection:
                await self.leases.leave(connection)
                await leave_budgets(connection, self.leases.worker)

    async def _loop(
        self, name: str, round_: Callable[[], Awaitable[int]], wanted: asyncio.Event | None, idle_s: float = IDLE_S
    ) -> None:
        """Rounds without pause while they come back full; otherwise wait to be woken."""
        while not self._stopping.is_set():
            if wanted is not None:
                wanted.clear()
                if len(self.pump.under_way) >= BUSY:
                    await asyncio.sleep(GATHER_S)  # under load a round takes what a few milliseconds bring
            done = await self._guarded(name, round_)
            if done >= FULL:
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for((wanted or self._stopping).wait(), timeout=idle_s)

    async def _guarded(self, name: str, round_: Callable[[], Awaitable[int]]) -> int:
        try:
            return await round_()
        except _AWAY as error:
            log.warning("store_away", loop=name, error=type(error).__name__)
        except Exception:
            log.exception("round_failed", loop=name)
        await asyncio.sleep(0.2)
        return 0

    async def _pump_round(self) -> int:
        await self.pump.settle_doubtful()
        return await self.pump.claim()

    async def _finishing(self) -> None:
        while True:
            await self._guarded("finishing", self.pump.finish)

    async def _beating(self) -> None:
        """Renew the lease three times per period, and resolve what former owners of new shards left behind."""
        host = socket.gethostname()
        while True:
            started = time.monotonic()
            await self._guarded("leases", lambda: self._beat(host))
            rest = self.leases.lease_s / 3 - (time.monotonic() - started)
            await asyncio.sleep(max(rest, 0.05))

    async def _beat(self, host: str) -> int:
        keep = frozenset({*self.pump.under_way.values(), *self.intake.shards_under_way()})
        async with self.pool.connection() as connection:
            taken = await self.leases.beat(connection, host, keep)
            self._inherited |= set(taken)
            if self._inherited:  # kept until it worked: the store may go away in between
                left = await take_over(connection, self.leases, self.landscape, sorted(self._inherited), self.clock())
                log.info("shards_taken", worker=self.leases.worker, shards=len(self._inherited), unsettled=left)
                self._inherited.clear()
        if taken:
            for event in (self._intake_wanted, self._plan_wanted, self.pump.wanted):
                event.set()
        return 0

    async def _listening(self) -> None:
        """Wake at once when another process accepted or changed something."""
        while not self._stopping.is_set():
            with contextlib.suppress(*_AWAY):
                await self._listen()
            await asyncio.sleep(0.2)

    async def _listen(self) -> None:
        connection = await psycopg.AsyncConnection.connect(self.conninfo, autocommit=True)
        async with connection:
            await connection.execute("listen tieline_work")
            while not self._stopping.is_set():
                async for notice in connection.notifies(timeout=0.25):
                    (self._intake_wanted if notice.payload == "intake" else self._plan_wanted).set()

"""The runner of one scheduler: a beat that holds the leases, and a loop for each duty that runs while the lease is held."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Sequence
from typing import Any

import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from tieline.engine.duties.duty import Duty, DutyLost, Term, _term
from tieline.engine.duties.leases import DutyLeases, Told
from tieline.kit.errors import TielineError

ROUND_S_MAX = 30.0  # a round that hangs is ended and told; silence would be worse
PATIENCE_S = 10.0  # how long an ordered end waits for rounds under way
RETRY_S_MIN, RETRY_S_MAX = 0.5, 30.0
log = structlog.get_logger("tieline.duties")
_AWAY = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, OSError)


class Runner:
    """`await run()` until `stop()`. Losing the store pauses it; a lost lease ends the round that was under way."""

    def __init__(
        self,
        pool: AsyncConnectionPool[Any],
        duties: Sequence[Duty],
        owner: str,
        lease_s: float = 3.0,
        chance: random.Random | None = None,
    ) -> None:
        names = [duty.name for duty in duties]
        if len(set(names)) < len(names):
            raise ValueError(f"two duties share a name: {sorted(names)}")
        self._pool, self._duties = pool, tuple(duties)
        self.leases = DutyLeases(owner=owner, lease_s=lease_s)
        self._told: dict[str, Told] = {name: Told() for name in names}
        self._chance = chance or random.Random()
        self._beaten, self._stopping = asyncio.Event(), asyncio.Event()

    async def run(self) -> None:
        beating = asyncio.create_task(self._beating())
        loops = [asyncio.create_task(self._serve(duty)) for duty in self._duties]
        try:
            await self._stopping.wait()
            await asyncio.wait(loops, timeout=PATIENCE_S) if loops else None
        finally:
            for one in (*loops, beating):
                one.cancel()
            await asyncio.gather(*loops, beating, return_exceptions=True)
            await self._leave()

    def stop(self) -> None:
        self._stopping.set()
        self._beaten.set()

    async def _beating(self) -> None:
        """Renew three times per lease, never all schedulers at the same instant."""
        enrolled = False
        while True:
            try:
                async with self._pool.connection() as connection:
                    if not enrolled:
                        await self.leases.enrol(connection, self._duties)
                        enrolled = True
                    await self.leases.beat(connection, self._duties, self._told)
            except _AWAY as error:
                log.warning("store_away", error=type(error).__name__)
            except psycopg.Error:
                log.exception("beat_failed")
            self._beaten.set()
            await asyncio.sleep(self.leases.lease_s / 3 * self._chance.uniform(0.8, 1.0))

    async def _serve(self, duty: Duty) -> None:
        """Wait for the lease, work while it lasts, wait for it again."""
        while not self._stopping.is_set():
            held = self.leases.held.get(duty.name)
            if held is None or not held.ours:
                self._beaten.clear()
                await self._beaten.wait()
                continue
            log.info("duty_taken", duty=duty.name, epoch=held.epoch)
            await self._wait(self._chance.uniform(0.0, min(duty.every_s, 0.5)))
            await self._serve_term(duty, held)

    async def _serve_term(self, duty: Duty, held: Term) -> None:
        failures = 0
        while held.ours and not self._stopping.is_set():
            done = await self._round(duty, held)
            if done is None:
                failures += 1
                await self._wait(self._after_failure(duty, failures))
            else:
                failures = 0
                await self._wait(0.0 if done else duty.every_s * self._chance.uniform(0.8, 1.0))

    def _after_failure(self, duty: Duty, failures: int) -> float:
        slower = RETRY_S_MIN * 2.0 ** min(failures, 8)
        return min(slower, RETRY_S_MAX, max(duty.every_s, RETRY_S_MIN)) * self._chance.uniform(0.7, 1.0)

    async def _round(self, duty: Duty, held: Term) -> int | None:
        """How much was done; None when the round failed. It ends with the lease, and with ROUND_S_MAX."""
        work = asyncio.create_task(self._within(duty, held), name=f"duty {duty.name}")
        ends_at = time.monotonic() + ROUND_S_MAX
        try:
            while not work.done() and held.ours and time.monotonic() < ends_at:
                await asyncio.wait({work}, timeout=max(0.01, min(held.deadline, ends_at) - time.monotonic()))
        finally:
            work.cancel()  # nothing happens to one that is done
            (outcome,) = await asyncio.gather(work, return_exceptions=True)
        return self._tell(duty, outcome)

    async def _within(self, duty: Duty, held: Term) -> int:
        _term.set(held)
        return await duty.run()

    def _tell(self, duty: Duty, outcome: int | BaseException) -> int | None:
        told = self._told[duty.name]
        if not isinstance(outcome, BaseException):
            told.ok_at = time.monotonic()
            return outcome
        if isinstance(outcome, DutyLost):
            return None
        told.failed_at, told.error = time.monotonic(), _said(outcome)
        log.warning("duty_failed", duty=duty.name, error=told.error, exc_info=outcome)
        return None

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), timeout=seconds)

    async def _leave(self) -> None:
        with contextlib.suppress(*_AWAY):
            async with self._pool.connection(timeout=2.0) as connection:
                await self.leases.beat(connection, self._duties, self._told)
                await self.leases.leave(connection)


def _said(error: BaseException) -> str:
    """What may be shown to an operator: our own sentences, of others only the kind."""
    if isinstance(error, asyncio.CancelledError):
        return f"a round did not end within its lease or {ROUND_S_MAX:.0f} s"
    return error.detail[:500] if isinstance(error, TielineError) else type(error).__name__

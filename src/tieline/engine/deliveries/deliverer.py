"""The duty that delivers: each endpoint has a turn of its own, and no turn waits for another endpoint's answers (O5).

A round starts turns and gathers those that ended; a turn may outlast many rounds. What a process had under way when it
died is sent again by its successor under the same webhook-id.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from tieline.engine.deliveries.loading import load
from tieline.engine.deliveries.settling import settle
from tieline.engine.deliveries.turn import AT_ONCE, TURN_S, Turn
from tieline.engine.duties import Duty, DutyLost, term
from tieline.ports.landscape import Advice, Cipher
from tieline.routing.ports import Post

TURNS_MAX = 128
ROUND_S = 0.5
EVERY_S = 0.5
NAME = "deliver"
log = structlog.get_logger("tieline.deliveries")


@dataclass(slots=True)
class Deliverer:
    """`await round()` again and again; `await aclose()` at the end drops what is under way, which is then repeated."""

    pool: AsyncConnectionPool[AsyncConnection]
    post: Post
    cipher: Cipher
    clock: Callable[[], datetime]
    advise: Callable[[str], Advice]
    chance: Callable[[], float] = random.random
    at_once: int = AT_ONCE
    turn_s: float = TURN_S
    turns: dict[tuple[str, str], asyncio.Task[int]] = field(default_factory=dict)

    async def round(self) -> int:
        """How many attempts were made and stored since the round before. Raises DutyLost when they were not ours to store."""
        for tenant, endpoint_id in await self._due():
            key = (tenant, endpoint_id)
            if key not in self.turns and len(self.turns) < TURNS_MAX:
                self.turns[key] = asyncio.create_task(self._turn(*key), name=f"deliver {endpoint_id}")
        if self.turns:
            await asyncio.wait(self.turns.values(), timeout=ROUND_S, return_when=asyncio.FIRST_COMPLETED)
        return self._gathered()

    async def drain(self) -> int:
        """Wait for the turns under way, without starting new ones."""
        if self.turns:
            await asyncio.wait(self.turns.values())
        return self._gathered()

    async def aclose(self) -> None:
        for turn in self.turns.values():
            turn.cancel()
        await asyncio.gather(*self.turns.values(), return_exceptions=True)
        self.turns.clear()

    async def _due(self) -> list[tuple[str, str]]:
        async with self.pool.connection() as connection:
            found = await connection.execute("select tenant_id, endpoint_id from endpoints_due(%s)", (self.clock(),))
            return [(row[0], row[1]) for row in await found.fetchall()]

    async def _turn(self, tenant: str, endpoint_id: str) -> int:
        """No connection is held while messages travel."""
        async with self.pool.connection() as connection:
            loaded = await load(connection, tenant, endpoint_id, self.cipher, self.clock())
        if loaded is None:
            return 0
        turn = Turn(
            load=loaded, post=self.post, clock=self.clock, chance=self.chance, term=term(), at_once=self.at_once,
            turn_s=self.turn_s,
        )  # fmt: skip
        await turn.run()
        async with self.pool.connection() as connection:
            await settle(connection, turn, self.clock(), self.advise)
        return len(turn.attempts) or len(loaded.passed)

    def _gathered(self) -> int:
        """One turn that failed is told; the others go on."""
        done, lost = 0, None
        for key in [key for key, turn in self.turns.items() if turn.done()]:
            turn = self.turns.pop(key)
            error = turn.exception() if not turn.cancelled() else None
            if isinstance(error, DutyLost):
                lost = error
            elif error is not None:
                log.error("turn_failed", tenant=key[0], endpoint=key[1], error=type(error).__name__, exc_info=error)
            elif not turn.cancelled():
                done += turn.result()
        if lost is not None:
            raise lost
        return done


def delivery_duty(deliverer: Deliverer) -> Duty:
    """The periodic work of one deliverer; the caller closes it after the runner has ended."""
    return Duty(name=NAME, every_s=EVERY_S, run=deliverer.round)

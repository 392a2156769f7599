"""Group commit: requests that arrive while a commit is under way share the next one.

No timer and no extra delay: an idle edge commits a single request at once, a busy one hundreds together. A request is
answered after the commit that holds it; if that commit's fate is unknown the answer is "try again", and the dedup key
makes the repeat harmless.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import psycopg
import psycopg_pool

from tieline.api.pressure import Pressure
from tieline.api.services import Pool
from tieline.engine.inputs import Accepted, NewInput, accept
from tieline.kit.errors import Rejected, Unavailable

KEPT_FOR_ORDERS = 10  # one in so many places of the queue is for what people order
_POISON = (psycopg.DataError, UnicodeError)  # faults of what was sent
_STORE = (psycopg.OperationalError, psycopg.InterfaceError, psycopg_pool.PoolTimeout, TimeoutError, OSError)


@dataclass(slots=True, eq=False)
class _Waiting:
    inputs: Sequence[NewInput]
    answer: asyncio.Future[list[Accepted]]


@dataclass(slots=True)
class Batcher:
    """One per process. Safe to use from one event loop."""

    pool: Pool
    batch_limit: int = 500
    queue_limit: int = 5000
    patience_s: float = 5.0
    pressure: Pressure | None = None
    writers: int = 2  # while one waits for the disk, the other fills the next batch
    _queue: deque[_Waiting] = field(default_factory=deque)
    _busy: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def waiting(self) -> int:
        return len(self._queue)

    @property
    def full(self) -> bool:
        return len(self._queue) >= self.queue_limit

    def admit(self, *, critical: bool = False) -> None:
        """Raises Unavailable when nothing more can be taken now, before anybody has read or verified it (V4).

        `critical`: what a person waits for; under pressure it is refused last.
        """
        if self.pressure is not None:
            self.pressure.admit(critical=critical)
        kept = 0 if critical else self.queue_limit // KEPT_FOR_ORDERS
        if len(self._queue) >= self.queue_limit - kept:
            raise Unavailable("More is arriving than can be stored at the moment; please repeat in a moment.")

    async def submit(self, inputs: Sequence[NewInput], *, critical: bool = False) -> list[Accepted]:
        """Raises Unavailable when it is not certain that `inputs` are stored, Rejected when they cannot be."""
        self.admit(critical=critical)
        waiting = _Waiting(inputs, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        if self._busy < self.writers:
            self._busy += 1  # counted here and in the writer itself: between its last look and its end nobody is missed
            writer = asyncio.create_task(self._empty())
            self._tasks.add(writer)
            writer.add_done_callback(self._tasks.discard)
        return await waiting.answer

    async def _empty(self) -> None:
        try:
            while self._queue:
                count = min(len(self._queue), self.batch_limit)
                await self._store([self._queue.popleft() for _ in range(count)])
        finally:
            self._busy -= 1

    async def _store(self, batch: Sequence[_Waiting]) -> None:
        """Store a batch; one poisoned request fails alone, found by halving."""
        try:
            accepted = await self._commit([item for waiting in batch for item in waiting.inputs])
        except _STORE:
            _fail(batch, Unavailable("The store cannot be reached at the moment; please repeat in a moment."))
        except Exception as error:
            await self._halve(batch, error)
        else:
            _answer(batch, accepted)

    async def _commit(self, inputs: Sequence[NewInput]) -> list[Accepted]:
        async with asyncio.timeout(self.patience_s), self.pool.connection(timeout=self.patience_s) as connection:
            return await accept(connection, inputs)

    async def _halve(self, batch: Sequence[_Waiting], error: Exception) -> None:
        if len(batch) == 1:
            poison = isinstance(error, _POISON)
            _fail(batch, Rejected("The message holds characters or values that cannot be stored.") if poison else error)
            return
        middle = len(batch) // 2
        await self._store(batch[:middle])
        await self._store(batch[middle:])


def _answer(batch: Sequence[_Waiting], accepted: Sequence[Accepted]) -> None:
    start = 0
    for waiting in batch:
        end = start + len(waiting.inputs)
        if not waiting.answer.done():  # the sender may have left
            waiting.answer.set_result(list(accepted[start:end]))
        start = end


def _fail(batch: Sequence[_Waiting], error: Exception) -> None:
    for waiting in batch:
        if not waiting.answer.done():
            waiting.answer.set_exception(error)

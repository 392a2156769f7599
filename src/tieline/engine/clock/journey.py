"""Moving the clock of a rehearsal: not in one leap but from one due instant to the next, each worked off before the next.

So twelve months pass as twelve months: every wake-up and every schedule finds the day that it was meant for.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString

from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from tieline.engine.clock.moved import MovedClock
from tieline.engine.duties.duty import Duty, fence
from tieline.engine.duties.schedules import CHUNK, Schedule, meet
from tieline.engine.rows import Cursor, tenant_transaction
from tieline.kit.errors import Conflict, Rejected
from tieline.kit.schedules import dues

EVERY_S = 0.2
ROUND_S = 1.5
LOOK_S = 0.01
PATIENCE_S = 10.0  # what is not worked off by then waits for a person or for a system that is down: time goes on


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """`movable`: this store has a clock of its own. `target`: where it is going, None when it has arrived."""

    movable: bool
    target: datetime | None = None
    moves: int = 0


async def standing(cursor: Cursor) -> Standing:
    await cursor.execute(_STANDING)
    row = await cursor.fetchone()
    return Standing(movable=True, target=row["target"], moves=row["moves"]) if row else Standing(movable=False)


async def ask_for(cursor: Cursor, to: datetime, present: datetime) -> None:
    """Have the clock go to `to`. Raises Conflict when this store has none that can be moved, Rejected for the past."""
    if not (await standing(cursor)).movable:
        raise Conflict(
            "This hub goes by the wall clock: set clock.movable: true in the tieline.yaml of a rehearsal, with a home of its own.",
            code="clock_not_movable",
        )
    if to <= present:
        raise Rejected(
            f"The clock only goes forward and shows {present:%Y-%m-%dT%H:%M:%SZ} already: name a later instant.",
            code="clock_only_forward",
        )
    await cursor.execute(_ASK, (to,))


class Journey:
    """The duty of one scheduler. A crash leaves the clock at a stop; whoever takes the duty over goes on from there."""

    def __init__(
        self,
        pool: AsyncConnectionPool[Any],
        tenants: Sequence[str],
        schedules: Sequence[Schedule],
        clock: MovedClock,
        wall: Callable[[], datetime],
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.pool, self.tenants, self.schedules = pool, tenants, schedules
        self.clock, self.wall, self.patience_s = clock, wall, patience_s
        self._arrived = time.monotonic()
        self._coming: dict[int, datetime] = {}  # by place in `schedules`: when it is due next, unknown at first

    def duty(self) -> Duty:
        return Duty(name="clock", every_s=EVERY_S, run=self.round)

    async def round(self) -> int:
        """From stop to stop for a while; 0 when the clock is where it was sent."""
        ends_at = time.monotonic() + ROUND_S
        target = await self._target()
        while target is not None and time.monotonic() < ends_at:
            if await self._step(target):
                target = await self._target()
            else:
                await asyncio.sleep(LOOK_S)
        return 0 if target is None else 1

    async def _step(self, target: datetime) -> bool:
        """One move, or the arrival; False while there is still something to do where the clock stands."""
        now = self.clock.present(self.wall())
        await self._meet(now)
        busy, coming = await self._look(now)
        if busy and time.monotonic() - self._arrived < self.patience_s:
            return False
        if now >= target:
            await self._arrive(target)
            return True
        await self._move(min([target, *coming]))
        return True

    async def _meet(self, now: datetime) -> None:
        for place, schedule in enumerate(self.schedules):
            if place not in self._coming or self._coming[place] <= now:
                while await meet(self.pool, schedule, now) >= CHUNK:
                    pass
                self._coming[place] = next(dues(schedule.rule, schedule.place, now))

    async def _look(self, now: datetime) -> tuple[bool, list[datetime]]:
        """Whether anything is unfinished at `now`, and the due instants that come next."""
        busy, coming = False, [*self._coming.values()]
        for tenant in self.tenants:
            async with self.pool.connection() as connection, tenant_transaction(connection, tenant) as cursor:
                values = {"tenant": tenant, "now": now, "soon": timedelta(seconds=self.patience_s)}
                await cursor.execute(_UNREST, values)
                row = await cursor.fetchone()
            assert row is not None, "one row of two questions"
            busy |= row["busy"]
            coming += [row["coming"]] if row["coming"] is not None else []
        return busy, coming

    async def _target(self) -> datetime | None:
        async with self.pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return (await standing(cursor)).target

    async def _move(self, to: datetime) -> None:
        async with self._fenced() as cursor:
            await cursor.execute(_MOVE, {"to": to})
            await cursor.execute("select pg_notify('tieline_clock', '')")
        await self._known(to)
        self._arrived = time.monotonic()

    async def _known(self, to: datetime) -> None:
        """Until this process's own clock shows it; a keeper that lost its connection catches up by itself."""
        ends_at = time.monotonic() + 1.0
        while self.clock.present(self.wall()) < to and time.monotonic() < ends_at:  # noqa: ASYNC110  told by the store
            await asyncio.sleep(0.002)

    async def _arrive(self, target: datetime) -> None:
        async with self._fenced() as cursor:
            await cursor.execute(_ARRIVE, (target,))

    @contextlib.asynccontextmanager
    async def _fenced(self) -> AsyncIterator[Cursor]:
        """One transaction that only the holder of the duty can commit."""
        async with (
            self.pool.connection() as connection,
            connection.transaction(),
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            await fence(cursor)
            yield cursor


_STANDING: LiteralString = "select target, (select count(*) from clock_moves) as moves from business_clock"
_ASK: LiteralString = "update business_clock set target = greatest(target, %s)"
_ARRIVE: LiteralString = "update business_clock set target = null where target <= %s"
_MOVE: LiteralString = """insert into clock_moves (moved_at, ahead) select w.at, %(to)s - w.at from (select clock_timestamp() as at) w
where %(to)s - w.at > coalesce((select max(ahead) from clock_moves), interval '0')"""
_UNREST: LiteralString = """select
  exists (select from lane_dirty where tenant_id = %(tenant)s)
  or exists (select from intake where tenant_id = %(tenant)s and due_at <= now() + %(soon)s)
  or exists (select from due where tenant_id = %(tenant)s and due_at <= now() + %(soon)s)
  or exists (select from replicas where tenant_id = %(tenant)s and status = 'sending')
  or exists (select from lanes where tenant_id = %(tenant)s and wake_at <= %(now)s)
  or exists (select from census_runs where tenant_id = %(tenant)s and not_before <= now() + %(soon)s
    and state in ('listing', 'comparing', 'checking', 'reporting', 'clearing')) as busy,
  (select min(wake_at) from lanes where tenant_id = %(tenant)s and wake_at > %(now)s) as coming"""

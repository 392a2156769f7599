"""Schedules: at each due instant something is done in the store, exactly once, whatever clocks, schedulers and crashes do (D6).

The unique key (tenant, schedule, due instant), the act, and how far was looked are one transaction. A clock that jumps back
finds everything met already; one that jumps ahead meets what lies between by the policy for what was missed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Any, Literal

from psycopg_pool import AsyncConnectionPool

from tieline.engine.duties.duty import Duty, fence
from tieline.engine.rows import Cursor, tenant_transaction, write
from tieline.kit.schedules import Place, Rule, dues

EVERY_S = 1.0
IN_TIME = timedelta(minutes=1)  # met later than that, an instant counts as missed
CHUNK = 500
Missed = Literal["all", "latest", "skip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """`act` writes through the cursor, in the transaction that marks the instant as met; it calls nobody outside.

    `missed`: of instants that passed while nobody looked, `all` fire in order, only the `latest`, or none (`skip`).
    """

    tenant: str
    name: str
    rule: Rule
    place: Place
    act: Callable[[Cursor, datetime], Awaitable[None]]
    missed: Missed = "latest"


def schedules_duty(
    pool: AsyncConnectionPool[Any], schedules: Sequence[Schedule], clock: Callable[[], datetime]
) -> Duty:
    async def round_() -> int:
        return sum([await meet(pool, schedule, clock()) for schedule in schedules])

    return Duty(name="schedules", every_s=EVERY_S, run=round_)


async def meet(pool: AsyncConnectionPool[Any], schedule: Schedule, now: datetime) -> int:
    """Meet what is due up to `now`, at most CHUNK instants. Answers how many were met, so that the rest follows at once."""
    async with pool.connection() as connection, tenant_transaction(connection, schedule.tenant) as cursor:
        await fence(cursor)
        looked_upto = await _place(cursor, schedule, now)
        if looked_upto is None or looked_upto >= now:
            return 0
        found = takewhile(lambda due: due <= now, dues(schedule.rule, schedule.place, looked_upto))
        due = list(islice(found, CHUNK + 1))
        more, due = len(due) > CHUNK, due[:CHUNK]
        firing = set(_firing(schedule.missed, due, now, more=more))
        rows = [{"due_at": at, "outcome": "fired" if at in firing else "passed_over"} for at in due]
        await write(cursor, _MEET, rows, schedule.tenant, schedule.name)
        for row in sorted(await cursor.fetchall(), key=lambda row: row["due_at"]) if rows else ():
            if row["outcome"] == "fired":
                await schedule.act(cursor, row["due_at"])
        upto = due[-1] if more else now
        await cursor.execute(_LOOKED, (upto, schedule.tenant, schedule.name))
        return len(due)


def _firing(missed: Missed, due: Sequence[datetime], now: datetime, *, more: bool) -> Sequence[datetime]:
    if missed == "all":
        return due
    if missed == "latest":
        return () if more else due[-1:]
    return [at for at in due if now - at <= IN_TIME]


async def _place(cursor: Cursor, schedule: Schedule, now: datetime) -> datetime | None:
    """How far was looked, locked. A new schedule begins now: what was due before it existed is not missed."""
    await cursor.execute(_BEGIN, (schedule.tenant, schedule.name, now))
    await cursor.execute(_UPTO, (schedule.tenant, schedule.name))
    row = await cursor.fetchone()
    return row["looked_upto"] if row else None


_BEGIN = "insert into schedules (tenant_id, schedule, looked_upto) values (%s, %s, %s) on conflict do nothing"
_UPTO = "select looked_upto from schedules where tenant_id = %s and schedule = %s for update"
_MEET = """insert into schedule_dues (tenant_id, schedule, due_at, outcome)
select %s, %s, r.due_at, r.outcome from jsonb_to_recordset(%s::jsonb) as r(due_at timestamptz, outcome text)
on conflict do nothing returning due_at, outcome"""
_LOOKED = """update schedules set looked_upto = greatest(looked_upto, %s) where tenant_id = %s and schedule = %s"""

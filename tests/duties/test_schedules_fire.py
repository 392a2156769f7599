"""D6: each due instant is met once, over schedulers, crashes and jumps of the clock; what was missed goes by policy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from database import Database
from tieline.adapters.postgres import roles
from tieline.adapters.postgres.pools import pool as make_pool
from tieline.engine.duties.schedules import Schedule, meet
from tieline.engine.rows import Cursor
from tieline.kit.schedules import Daily, Every, Place, Rule

START = datetime(2026, 3, 27, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Bell:
    """A schedule that notes each ring, in memory and in the store."""

    def __init__(self, name: str = "bell") -> None:
        self.name = name
        self.rung: list[datetime] = []

    def schedule(self, missed: Any, rule: Rule | None = None) -> Schedule:
        async def ring(cursor: Cursor, due: datetime) -> None:
            self.rung.append(due)

        place = Place(zone="Europe/Berlin")
        return Schedule(
            tenant="acme", name=self.name, rule=rule or Every(minutes=60), place=place, act=ring, missed=missed
        )


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Any]:
    async with make_pool(database.conninfo(roles.SCHEDULER), "scheduler", 2, 4) as made:
        yield made


async def test_what_was_due_before_the_schedule_existed_is_not_missed(pool: Any) -> None:
    bell = Bell()
    assert await meet(pool, bell.schedule("all"), START) == 0
    await meet(pool, bell.schedule("all"), START + HOUR)
    assert bell.rung == [START + HOUR]


@pytest.mark.parametrize(("missed", "hours"), [("all", [1, 2, 3, 4, 5]), ("latest", [5]), ("skip", [5])])
async def test_D6_what_passed_while_nobody_looked_goes_by_the_policy(pool: Any, missed: str, hours: list[int]) -> None:
    bell = Bell()
    await meet(pool, bell.schedule(missed), START)
    await meet(pool, bell.schedule(missed), START + 5 * HOUR)
    assert bell.rung == [START + n * HOUR for n in hours]


async def test_D6_what_was_missed_and_is_not_in_time_any_more_is_skipped(pool: Any) -> None:
    bell = Bell()
    await meet(pool, bell.schedule("skip"), START)
    await meet(pool, bell.schedule("skip"), START + 5 * HOUR + timedelta(minutes=2))
    assert bell.rung == []


async def test_D6_a_long_silence_is_caught_up_in_pieces_and_latest_fires_once(
    pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tieline.engine.duties.schedules.CHUNK", 7)
    bell = Bell()
    await meet(pool, bell.schedule("latest"), START)
    while await meet(pool, bell.schedule("latest"), START + 30 * HOUR):
        pass
    assert bell.rung == [START + 30 * HOUR]


async def test_D6_a_daily_schedule_over_both_changes_of_clocks_fires_once_a_day(pool: Any) -> None:
    bell = Bell()
    schedule = bell.schedule("all", Daily(at=time(2, 30)))
    now = START
    while now < datetime(2026, 10, 27, tzinfo=UTC):
        await meet(pool, schedule, now)
        now += timedelta(days=3, hours=7)
    await meet(pool, schedule, datetime(2026, 10, 27, tzinfo=UTC))
    days = [due.astimezone(ZoneInfo("Europe/Berlin")).date() for due in bell.rung]
    assert days == sorted(set(days))
    assert len(days) == (date(2026, 10, 26) - START.date()).days


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(jumps=st.lists(st.integers(-300, 300), min_size=1, max_size=12))
async def test_D6_F41_however_the_clock_jumps_no_instant_is_met_twice(pool: Any, jumps: list[int]) -> None:
    bell, now = Bell(str(uuid4())), START
    await meet(pool, bell.schedule("all"), now)
    furthest = now
    for minutes in jumps:
        now += timedelta(minutes=minutes)
        furthest = max(furthest, now)
        await meet(pool, bell.schedule("all"), now)
    expected = [START + n * HOUR for n in range(1, int((furthest - START) / HOUR) + 1)]
    assert bell.rung == expected


async def test_D6_F27_two_schedulers_at_once_meet_each_instant_once(pool: Any) -> None:
    one, other = Bell(), Bell()
    await meet(pool, one.schedule("all"), START)
    for n in range(1, 30):
        now = START + n * HOUR
        await asyncio.gather(meet(pool, one.schedule("all"), now), meet(pool, other.schedule("all"), now))
    assert sorted(one.rung + other.rung) == [START + n * HOUR for n in range(1, 30)]


async def test_D6_F25_an_act_that_dies_half_way_leaves_the_instant_unmet_and_it_is_met_later(pool: Any) -> None:
    bell = Bell()
    await meet(pool, bell.schedule("all"), START)

    async def die(cursor: Cursor, due: datetime) -> None:
        raise RuntimeError("killed")

    dying = Schedule(tenant="acme", name="bell", rule=Every(minutes=60), place=Place(zone="UTC"), act=die, missed="all")
    with pytest.raises(RuntimeError):
        await meet(pool, dying, START + HOUR)
    await meet(pool, bell.schedule("all"), START + HOUR)
    assert bell.rung == [START + HOUR]

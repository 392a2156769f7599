"""D6, F43: a leap year of schedules on every kind of calendar, from UTC-11 to UTC+14, with a clock that keeps jumping back."""

from __future__ import annotations

import calendar
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from database import Database
from tieline.adapters.postgres import roles
from tieline.adapters.postgres.pools import pool as make_pool
from tieline.engine.duties.schedules import Schedule, meet
from tieline.engine.rows import Cursor
from tieline.kit.calendars import BusinessDays, FiscalCalendar, MonthlyYear, WeeklyYear
from tieline.kit.schedules import Daily, OnDay, Place, Rule, Weekly

ENTITIES = {
    "AS01": "Pacific/Pago_Pago", "US01": "America/New_York", "DE01": "Europe/Berlin", "NP01": "Asia/Kathmandu",
    "AU01": "Australia/Lord_Howe", "KI01": "Pacific/Kiritimati",
}  # fmt: skip
START, END = datetime(2027, 12, 25, tzinfo=UTC), datetime(2029, 1, 6, tzinfo=UTC)
DAYS = [date(2028, 1, 1) + timedelta(days=n) for n in range(366)]
TEN_MINUTES = timedelta(minutes=10)
# Where the hour 02:30 does not exist: the day, and what the clocks on the wall show when it is due instead.
SKIPPED = {
    "DE01": {date(2028, 3, 26): time(3, 30)}, "US01": {date(2028, 3, 12): time(3, 30)},
    "AU01": {},  # from 02:00 to 02:30: the hour itself exists
}  # fmt: skip
Fired = dict[str, list[datetime]]


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Any]:
    async with make_pool(database.conninfo(roles.SCHEDULER), "scheduler", 1, 4) as made:
        yield made


async def lived(pool: Any, rule: Rule, business: BusinessDays, fiscal: FiscalCalendar) -> Fired:
    """What fires at each legal entity in 2028, on its own clock, when the scheduler's clock jumps back again and again."""
    fired: Fired = {entity: [] for entity in ENTITIES}

    def schedule(entity: str, zone: str) -> Schedule:
        async def act(cursor: Cursor, due: datetime) -> None:
            fired[entity].append(due.astimezone(ZoneInfo(zone)))

        place = Place(zone=zone, business=business, fiscal=fiscal)
        return Schedule(tenant="acme", name=entity, rule=rule, place=place, act=act, missed="all")

    schedules = [schedule(entity, zone) for entity, zone in ENTITIES.items()]
    looks = [START + n * timedelta(days=11, hours=5) for n in range(34)]
    for now in [*looks, END]:
        for moment in (now, now - TEN_MINUTES, now):
            for each in schedules:
                await meet(pool, each, moment)
    return {entity: [due for due in dues if due.year == 2028] for entity, dues in fired.items()}


async def test_D6_every_night_of_a_leap_year_has_its_hour_once_where_it_is_skipped_an_hour_later(pool: Any) -> None:
    found = await lived(pool, Daily(at=time(2, 30)), BusinessDays(), MonthlyYear())
    for entity, dues in found.items():
        assert [due.date() for due in dues] == DAYS, entity
        moved = {due.date(): due.time() for due in dues if due.time() != time(2, 30)}
        assert moved == SKIPPED.get(entity, {}), entity
        assert all(due.fold == 0 for due in dues), entity


async def test_D6_each_month_is_closed_on_its_own_last_day_29_February_too(pool: Any) -> None:
    found = await lived(pool, OnDay(number=-1, at=time(18)), BusinessDays(), MonthlyYear())
    closed = [(date(2028, month, calendar.monthrange(2028, month)[1]), time(18)) for month in range(1, 13)]
    for entity, dues in found.items():
        assert [(due.date(), due.time()) for due in dues] == closed, entity
    first, last = found["KI01"][1], found["AS01"][1]
    assert (first.month, first.day) == (last.month, last.day) == (2, 29)
    assert last - first == timedelta(hours=25)


async def test_D6_business_days_pass_over_weekends_and_holidays_of_the_firm(pool: Any) -> None:
    holidays = frozenset({date(2028, 1, 3), date(2028, 5, 1), date(2028, 12, 29)})
    friday_and_saturday = BusinessDays(holidays=holidays, weekend=frozenset({4, 5}))
    found = await lived(pool, OnDay(number=1, at=time(6), business=True), friday_and_saturday, MonthlyYear())
    days = [due.date() for due in found["DE01"]]
    assert days[0] == date(2028, 1, 2) and days[4] == date(2028, 5, 2)  # a Sunday works here, 1 May does not
    assert len(days) == 12
    assert not any(day in holidays or day.weekday() in (4, 5) for day in days)
    assert all([due.date() for due in dues] == days for dues in found.values())


async def test_D6_a_retail_year_closes_its_periods_after_four_four_and_five_weeks(pool: Any) -> None:
    retail = WeeklyYear(weekday=5, last_month=1, rule="nearest")
    found = await lived(pool, OnDay(number=-1, at=time(18), of="period"), BusinessDays(), retail)
    for entity, dues in found.items():
        assert {due.weekday() for due in dues} == {5}, entity
        weeks = [(later.date() - earlier.date()).days // 7 for earlier, later in pairwise(dues)]
        assert (dues[0].date(), weeks) == (date(2028, 1, 29), [4, 4, 5, 4, 4, 5, 4, 4, 5, 4, 4]), entity


async def test_D6_every_monday_of_the_year_is_met_once_everywhere(pool: Any) -> None:
    found = await lived(pool, Weekly(weekday=0, at=time(7)), BusinessDays(), MonthlyYear())
    mondays = [day for day in DAYS if day.weekday() == 0]
    for entity, dues in found.items():
        assert [due.date() for due in dues] == mondays, entity

"""D6, pure part: which instants are due, over changes of clocks, leap days, year ends and all zones."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.kit.calendars import BusinessDays, WeeklyYear
from tieline.kit.schedules import AfterPeriodEnd, Daily, Every, OnBusinessDay, Place, Rule, dues

BERLIN = Place(zone="Europe/Berlin")
ZONES = ["Europe/Berlin", "America/New_York", "Pacific/Pago_Pago", "Pacific/Kiritimati", "Pacific/Apia", "Asia/Kathmandu",
         "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Casablanca", "Antarctica/Troll", "UTC"]  # fmt: skip
TIMES = st.builds(time, st.integers(0, 23), st.integers(0, 59))
RULES = st.one_of(
    st.builds(Every, minutes=st.integers(1, 3000)), st.builds(Daily, at=TIMES),
    st.builds(OnBusinessDay, number=st.integers(-20, 20).filter(bool), at=TIMES),
    st.builds(AfterPeriodEnd, days=st.integers(-10, 10), at=TIMES, business=st.booleans()),
)  # fmt: skip
PLACES = st.builds(Place, zone=st.sampled_from(ZONES), fiscal=st.sampled_from([BERLIN.fiscal, WeeklyYear()]))
MOMENTS = st.datetimes(timezones=st.just(UTC)).map(
    lambda moment: moment.replace(year=2005 + moment.year % 28, day=min(moment.day, 28))
)


def first(rule: Rule, place: Place, after: datetime, count: int) -> list[datetime]:
    return list(islice(dues(rule, place, after), count))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_D6_an_hour_that_is_skipped_in_spring_is_due_once_after() -> None:
    found = first(Daily(at=time(2, 30)), BERLIN, utc("2026-03-28T00:00"), 3)
    assert found == [utc("2026-03-28T01:30"), utc("2026-03-29T01:30"), utc("2026-03-30T00:30")]
    assert found[1].astimezone(ZoneInfo("Europe/Berlin")).time() == time(3, 30)


def test_D6_an_hour_that_occurs_twice_in_autumn_is_due_the_first_time_only() -> None:
    found = first(Daily(at=time(2, 30)), BERLIN, utc("2026-10-24T12:00"), 2)
    assert found == [utc("2026-10-25T00:30"), utc("2026-10-26T01:30")]


def test_D6_the_day_that_Samoa_skipped_is_due_together_with_the_next_and_once() -> None:
    found = first(Daily(at=time(10)), Place(zone="Pacific/Apia"), utc("2011-12-28T00:00"), 4)
    assert len(set(found)) == 4
    assert [each.astimezone(ZoneInfo("Pacific/Apia")).day for each in found] == [28, 29, 31, 1]


def test_the_same_hour_begins_25_hours_apart_at_the_ends_of_the_world() -> None:
    east, west = Place(zone="Pacific/Kiritimati"), Place(zone="Pacific/Pago_Pago")
    day = date(2026, 12, 31)
    assert west.instant(day, time(0)) - east.instant(day, time(0)) == timedelta(hours=25)


def test_business_day_three_waits_for_a_weekend_and_a_holiday() -> None:
    place = Place(zone="Europe/Berlin", business=BusinessDays(holidays=frozenset({date(2027, 1, 1)})))
    assert first(OnBusinessDay(number=3, at=time(8)), place, utc("2026-12-31T12:00"), 1) == [utc("2027-01-06T07:00")]


def test_two_business_days_after_a_period_end_in_a_leap_year() -> None:
    rule = AfterPeriodEnd(days=-1, at=time(18))  # the last day of the period
    assert first(rule, BERLIN, utc("2028-02-20T00:00"), 1) == [utc("2028-02-29T17:00")]
    rule = AfterPeriodEnd(days=2, at=time(9), business=True)
    assert first(rule, BERLIN, utc("2028-02-20T00:00"), 1) == [utc("2028-03-03T08:00")]


def test_a_rule_that_never_comes_is_an_error_and_no_endless_search() -> None:
    never = BusinessDays(weekend=frozenset({0, 1, 2, 3, 4, 5}))
    with pytest.raises(ValueError, match="no month has business day 9"):
        first(OnBusinessDay(number=9, at=time(8)), Place(zone="UTC", business=never), utc("2026-01-01T00:00"), 1)


@given(RULES, PLACES, MOMENTS)
def test_D6_due_instants_ascend_and_asking_from_any_of_them_goes_on_with_the_next(
    rule: Rule, place: Place, after: datetime
) -> None:
    found = first(rule, place, after, 12)
    assert found == sorted(set(found))
    assert found[0] > after
    for n, due in enumerate(found[:-1]):
        assert first(rule, place, due, 1) == [found[n + 1]]
        assert first(rule, place, due - timedelta(microseconds=1), 1) == [due]


@given(TIMES, PLACES, MOMENTS)
def test_D6_a_daily_rule_is_due_once_on_every_local_day_that_exists(at: time, place: Place, after: datetime) -> None:
    found = first(Daily(at=at), place, after, 40)
    gaps = {later - earlier for earlier, later in pairwise(found)}
    assert all(timedelta(hours=22) <= gap <= timedelta(hours=26) for gap in gaps) or place.zone == "Pacific/Apia"


@given(st.integers(1, 3000), MOMENTS)
def test_every_so_many_minutes_is_never_sooner_or_later(minutes: int, after: datetime) -> None:
    found = first(Every(minutes=minutes), BERLIN, after, 5)
    assert {b - a for a, b in pairwise(found)} == {timedelta(minutes=minutes)}

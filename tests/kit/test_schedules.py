"""D6, pure part: which instants are due, over changes of clocks, leap days, year ends and all zones."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.kit.calendars import BusinessDays, Span, WeeklyYear
from tieline.kit.schedules import Daily, Every, OnDay, Place, Rule, Weekly, dues

BERLIN = Place(zone="Europe/Berlin")
ZONES = ["Europe/Berlin", "America/New_York", "Pacific/Pago_Pago", "Pacific/Kiritimati", "Pacific/Apia", "Asia/Kathmandu",
         "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Casablanca", "Antarctica/Troll", "UTC"]  # fmt: skip
TIMES = st.builds(time, st.integers(0, 23), st.integers(0, 59))
RULES = st.one_of(
    st.builds(Every, minutes=st.integers(1, 3000)), st.builds(Daily, at=TIMES),
    st.builds(Weekly, weekday=st.integers(0, 6), at=TIMES),
    st.builds(OnDay, number=st.integers(-20, 20).filter(bool), at=TIMES, business=st.booleans(),
              of=st.sampled_from(["month", "period", "quarter", "year"])),
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
    assert first(OnDay(number=3, at=time(8), business=True), place, utc("2026-12-31T12:00"), 1) == [
        utc("2027-01-06T07:00")
    ]


def test_the_last_day_of_a_period_and_the_second_business_day_of_the_next_in_a_leap_year() -> None:
    rule = OnDay(number=-1, of="period", at=time(18))
    assert first(rule, BERLIN, utc("2028-02-20T00:00"), 1) == [utc("2028-02-29T17:00")]
    rule = OnDay(number=2, of="period", at=time(9), business=True)
    assert first(rule, BERLIN, utc("2028-02-20T00:00"), 1) == [utc("2028-03-02T08:00")]


def test_a_month_with_too_few_business_days_is_left_out() -> None:
    rule = OnDay(number=21, at=time(8), business=True)
    found = first(rule, Place(zone="UTC"), utc("2026-01-30T00:00"), 2)
    assert found == [utc("2026-03-30T08:00"), utc("2026-04-29T08:00")]


def test_day_31_is_the_last_day_of_a_shorter_month() -> None:
    found = first(OnDay(number=31, at=time(8)), Place(zone="UTC"), utc("2028-01-31T09:00"), 3)
    assert found == [utc("2028-02-29T08:00"), utc("2028-03-31T08:00"), utc("2028-04-30T08:00")]


def test_a_retail_quarter_ends_after_thirteen_weeks_and_the_last_of_a_year_of_53_after_fourteen() -> None:
    place = Place(zone="UTC", fiscal=WeeklyYear(weekday=4))
    found = first(OnDay(number=-1, of="quarter", at=time(18)), place, utc("2027-01-01T00:00"), 4)
    assert [(b - a).days for a, b in pairwise(found)] == [91, 91, 98]
    assert {due.weekday() for due in found} == {4}


@pytest.mark.parametrize(("number", "of"), [(32, "month"), (0, "period"), (-106, "quarter")])
def test_a_day_that_no_span_has_is_refused_with_the_days_it_may_have(number: int, of: Span) -> None:
    with pytest.raises(ValueError, match=f"a {of} has days 1 to"):
        OnDay(number=number, of=of, at=time(8))


def test_a_rule_that_never_comes_is_an_error_and_no_endless_search() -> None:
    never = BusinessDays(weekend=frozenset({0, 1, 2, 3, 4, 5}))
    with pytest.raises(ValueError, match="no month has business day 9"):
        first(OnDay(number=9, at=time(8), business=True), Place(zone="UTC", business=never), utc("2026-01-01T00:00"), 1)


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

"""Business days and fiscal periods, by example and by property."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.kit.calendars import BusinessDays, MonthlyYear, Span, WeeklyYear, ends, span_of, starts, through

ASCENSION = BusinessDays(holidays=frozenset({date(2026, 5, 14)}))
DAYS = st.dates(date(1990, 1, 1), date(2060, 12, 31))
WEEKLY = st.builds(
    WeeklyYear, weekday=st.integers(0, 6), last_month=st.integers(1, 12), rule=st.sampled_from(["last", "nearest"]),
    weeks=st.sampled_from([(4, 4, 5), (4, 5, 4), (5, 4, 4)]),
)  # fmt: skip
YEARS = st.one_of(st.builds(MonthlyYear, first_month=st.integers(1, 12)), WEEKLY)


def test_EX_9_1_ten_business_days_after_4_May_2026_with_14_May_a_holiday_is_19_May() -> None:
    assert ASCENSION.count_on(date(2026, 5, 4), 10) == date(2026, 5, 19)


def test_business_day_minus_one_of_a_month_that_ends_on_a_sunday_is_the_friday_before() -> None:
    assert BusinessDays().count_on(date(2026, 6, 1), -1) == date(2026, 5, 29)


def test_a_friday_and_saturday_weekend_opens_on_sunday() -> None:
    assert BusinessDays(weekend=frozenset({4, 5})).count_on(date(2026, 5, 7), 1) == date(2026, 5, 10)


def test_a_calendar_without_an_open_day_is_refused_and_not_searched_for_ever() -> None:
    with pytest.raises(ValueError, match="not all"):
        BusinessDays(weekend=frozenset(range(7)))
    closed = frozenset(date(2026, 1, 1) + timedelta(days=n) for n in range(800))
    with pytest.raises(ValueError, match="no business day"):
        BusinessDays(holidays=closed).count_on(date(2026, 1, 1), 1)


@given(DAYS, st.integers(1, 60), st.frozensets(DAYS, max_size=20))
def test_counting_forth_passes_exactly_so_many_open_days_and_ends_on_one(
    day: date, number: int, holidays: frozenset[date]
) -> None:
    calendar = BusinessDays(holidays=holidays)
    end = calendar.count_on(day, number)
    between = [day + timedelta(days=n + 1) for n in range((end - day).days)]
    assert sum(map(calendar.is_open, between)) == number
    assert calendar.is_open(end)


@given(YEARS, DAYS)
def test_every_day_lies_in_one_period_and_periods_join_without_gap_or_overlap(
    year: MonthlyYear | WeeklyYear, day: date
) -> None:
    period = year.period_of(day)
    assert period.days.covers(day)
    assert year.period_of(period.start) == period == year.period_of(period.end - timedelta(days=1))
    after = year.period_of(period.end)
    assert after.start == period.end
    assert (after.year, after.number) == (
        (period.year, period.number + 1) if period.number < 12 else (period.year + 1, 1)
    )


@given(WEEKLY, st.integers(1995, 2055))
def test_a_weekly_year_has_52_or_53_whole_weeks(year: WeeklyYear, number: int) -> None:
    weeks, rest = divmod((year.ends_on(number) - year.ends_on(number - 1)).days, 7)
    assert (weeks in (52, 53), rest) == (True, 0)


def test_the_53rd_week_of_a_4_4_5_year_belongs_to_its_last_period() -> None:
    year = WeeklyYear(weekday=5, last_month=12, rule="last")  # ends on the last Saturday of December
    assert (year.ends_on(2022), year.ends_on(2023)) == (date(2022, 12, 31), date(2023, 12, 30))
    last = year.period_of(date(2022, 12, 31))
    assert (last.year, last.number, (last.end - last.start).days) == (2022, 12, 42)


def test_a_year_from_July_is_named_after_the_year_in_which_it_ends_and_29_February_is_in_its_eighth_period() -> None:
    period = MonthlyYear(first_month=7).period_of(date(2028, 2, 29))
    assert (period.year, period.number, period.end) == (2028, 8, date(2028, 3, 1))


@given(YEARS, DAYS, st.sampled_from(["month", "period", "quarter", "year"]))
def test_every_day_lies_in_one_span_and_spans_join_without_gap_or_overlap(
    year: MonthlyYear | WeeklyYear, day: date, of: Span
) -> None:
    span = span_of(of, year, day)
    assert span.covers(day)
    assert span_of(of, year, starts(span)) == span == span_of(of, year, ends(span) - timedelta(days=1))


def test_a_year_from_April_has_quarters_that_end_in_June_September_December_and_March() -> None:
    year = MonthlyYear(first_month=4)
    days = [date(2027, 4, 1), date(2027, 9, 30), date(2028, 2, 29)]
    assert [ends(span_of("quarter", year, day)) for day in days] == [
        date(2027, 7, 1),
        date(2027, 10, 1),
        date(2028, 4, 1),
    ]
    assert starts(span_of("year", year, date(2028, 2, 29))) == date(2027, 4, 1)


def test_an_invoice_through_the_month_ends_with_the_last_month_that_is_over() -> None:
    year = MonthlyYear()
    days = [date(2028, 2, 28), date(2028, 2, 29), date(2028, 3, 1)]
    assert [through("month", year, day) for day in days] == [date(2028, 1, 31), date(2028, 2, 29), date(2028, 2, 29)]
    assert through("period", WeeklyYear(weekday=4), date(2028, 2, 1)) == date(2028, 1, 28)
    assert through("today", year, date(2028, 2, 28)) == date(2028, 2, 28)

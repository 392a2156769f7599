"""Business days and fiscal periods. What a firm's holidays and year are comes from its configuration; here is the counting."""

from __future__ import annotations

import calendar
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal, Protocol

from tieline.kit.dates import DateRange

DAY = timedelta(days=1)
Span = Literal["month", "period", "quarter", "year"]
Through = Literal["month", "period", "today"]
_LOOK_DAYS = 366  # a calendar without one open day in a year is a mistake, not a long holiday


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessDays:
    """`weekend`: weekdays that are closed, Monday is 0."""

    holidays: frozenset[date] = frozenset()
    weekend: frozenset[int] = frozenset({5, 6})

    def __post_init__(self) -> None:
        if not self.weekend < frozenset(range(7)):
            raise ValueError(f"a weekend is some of the weekdays 0 to 6, not all: {sorted(self.weekend)}")

    def is_open(self, day: date) -> bool:
        return day.weekday() not in self.weekend and day not in self.holidays

    def count_on(self, day: date, days: int) -> date:
        """The day on which the `days`-th business day after (negative: before) `day` falls; `day` itself does not count."""
        step, left, looked = (DAY if days > 0 else -DAY), abs(days), 0
        while left:
            day += step
            looked = 0 if self.is_open(day) else looked + 1
            if looked > _LOOK_DAYS:
                raise ValueError(f"there is no business day in the year before {day}")
            left -= self.is_open(day)
        return day


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Period `number` (1 to 12) of fiscal year `year`, half-open."""

    year: int
    number: int
    days: DateRange

    @property
    def start(self) -> date:
        assert self.days.start is not None, "periods are bounded"
        return self.days.start

    @property
    def end(self) -> date:
        assert self.days.end is not None, "periods are bounded"
        return self.days.end


class FiscalCalendar(Protocol):
    def period_of(self, day: date) -> Period: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlyYear:
    """Twelve months from `first_month`. A year that is shifted is named after the calendar year in which it ends."""

    first_month: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.first_month <= 12:
            raise ValueError(f"a year begins in a month from 1 to 12, not {self.first_month}")

    def period_of(self, day: date) -> Period:
        number = (day.month - self.first_month) % 12 + 1
        begun = day.year if day.month >= self.first_month else day.year - 1
        start = day.replace(day=1)
        return Period(
            year=begun + (self.first_month > 1), number=number, days=DateRange(start, (start + 31 * DAY).replace(day=1))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklyYear:
    """4-4-5 and its sisters: a year of 52 or 53 whole weeks that ends on `weekday`, the last one of `last_month` or the one
    nearest to that month's end. A 53rd week belongs to the last period.
    """

    weekday: int = 5
    last_month: int = 12
    rule: Literal["last", "nearest"] = "last"
    weeks: tuple[int, int, int] = field(default=(4, 4, 5))

    def __post_init__(self) -> None:
        if sum(self.weeks) != 13 or min(self.weeks) < 1:
            raise ValueError(f"a quarter has thirteen weeks, not {self.weeks}")

    def ends_on(self, year: int) -> date:
        """The last day of fiscal year `year`."""
        end = date(year, self.last_month, calendar.monthrange(year, self.last_month)[1])
        back = (end.weekday() - self.weekday) % 7
        return end - back * DAY if self.rule == "last" or back <= 3 else end + (7 - back) * DAY

    def period_of(self, day: date) -> Period:
        year = next(y for y in range(day.year - 1, day.year + 3) if day <= self.ends_on(y))
        start, after = self.ends_on(year - 1) + DAY, self.ends_on(year) + DAY
        for number in range(1, 13):
            end = after if number == 12 else start + 7 * self.weeks[(number - 1) % 3] * DAY
            if day < end:
                return Period(year=year, number=number, days=DateRange(start, end))
            start = end
        raise AssertionError(f"{day} lies in no period of {year}")


def span_of(of: Span, fiscal: FiscalCalendar, day: date) -> DateRange:
    """The calendar month, or the fiscal period, quarter or year, in which `day` lies."""
    if of == "month":
        start = day.replace(day=1)
        return DateRange(start, (start + 31 * DAY).replace(day=1))
    period = fiscal.period_of(day)
    length = {"period": 1, "quarter": 3, "year": 12}[of]
    start, end, first = period.start, period.end, (period.number - 1) // length * length + 1
    for _ in range(period.number - first):
        start = fiscal.period_of(start - DAY).start
    for _ in range(first + length - 1 - period.number):
        end = fiscal.period_of(end).end
    return DateRange(start, end)


def starts(span: DateRange) -> date:
    assert span.start is not None, "spans are bounded"
    return span.start


def ends(span: DateRange) -> date:
    """The first day that is no longer in it."""
    assert span.end is not None, "spans are bounded"
    return span.end


def through(how: Through, fiscal: FiscalCalendar, day: date) -> date:
    """`day` itself, or the last day of the newest month or period that is over when `day` is."""
    if how == "today":
        return day
    span = span_of(how, fiscal, day)
    return day if ends(span) == day + DAY else starts(span) - DAY

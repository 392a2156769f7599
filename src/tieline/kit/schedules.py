"""When something is due: rules on local calendars, answered as instants in UTC. Pure; nothing here knows what time it is.

A local time that a change of clocks skips is due that much later, once; one that occurs twice is due the first time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tieline.kit.calendars import DAY, BusinessDays, FiscalCalendar, MonthlyYear, Span, ends, span_of, starts
from tieline.kit.dates import DateRange

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WIDEST = timedelta(days=2)  # no zone's calendar is further from UTC's, a skipped day included
_FRUITLESS_MAX = 120  # spans without a due day: such a rule never comes
_MOST = {
    "month": (31, 23),
    "period": (42, 30),
    "quarter": (105, 75),
    "year": (372, 264),
}  # days, and business days, at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a rule holds: the zone, holidays and year of a legal entity."""

    zone: str
    business: BusinessDays = field(default_factory=BusinessDays)
    fiscal: FiscalCalendar = field(default_factory=MonthlyYear)

    def instant(self, day: date, at: time) -> datetime:
        # fold=0: the first of two; inside a gap the offset before it, which is the same distance later on the new clock.
        return datetime.combine(day, at.replace(fold=0), ZoneInfo(self.zone)).astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Every:
    """On every full multiple of `minutes` since 1970: the same on all hosts, and no change of clocks matters."""

    minutes: int

    def __post_init__(self) -> None:
        if self.minutes < 1:
            raise ValueError(f"minutes must be at least 1, not {self.minutes}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Daily:
    at: time


@dataclass(frozen=True, slots=True, kw_only=True)
class Weekly:
    """On one weekday, Monday is 0."""

    weekday: int
    at: time

    def __post_init__(self) -> None:
        if not 0 <= self.weekday <= 6:
            raise ValueError(f"a weekday is 0 (Monday) to 6 (Sunday), not {self.weekday}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDay:
    """On day `number` of every span, negative from its end: -1 is the last. Only open days count when `business`.

    Day 31 of a shorter month is its last day. A span that has not so many business days is left out.
    """

    number: int
    at: time
    of: Span = "month"
    business: bool = False

    def __post_init__(self) -> None:
        most = self.most
        if not 1 <= abs(self.number) <= most:
            kind = "business days" if self.business else "days"
            raise ValueError(f"a {self.of} has {kind} 1 to {most}, or -1 to -{most} from its end, not {self.number}")

    @property
    def most(self) -> int:
        return _MOST[self.of][self.business]


Rule = Every | Daily | Weekly | OnDay


def dues(rule: Rule, place: Place, after: datetime) -> Iterator[datetime]:
    """Every due instant later than `after`, in order, each once, without end. Raises ValueError for a rule that never comes."""
    last = after.astimezone(UTC)
    for due in _candidates(rule, place, last):
        if due > last:
            last = due
            yield due


def _candidates(rule: Rule, place: Place, after: datetime) -> Iterator[datetime]:
    """Ascending, from somewhat before `after`; the same instant may come twice where two days fall together."""
    if isinstance(rule, Every):
        step = timedelta(minutes=rule.minutes)
        due = _EPOCH + (after - _EPOCH) // step * step
        while True:
            yield due
            due += step
    for day in _listed(rule, place, (after - _WIDEST).date()):
        yield place.instant(day, rule.at)


def _listed(rule: Daily | Weekly | OnDay, place: Place, day: date) -> Iterator[date]:
    if isinstance(rule, OnDay):
        yield from _on_days(rule, place, day)
        return
    if isinstance(rule, Weekly):
        day += (rule.weekday - day.weekday()) % 7 * DAY
    while True:
        yield day
        day += DAY if isinstance(rule, Daily) else 7 * DAY


def _on_days(rule: OnDay, place: Place, day: date) -> Iterator[date]:
    fruitless = 0
    while True:
        span = span_of(rule.of, place.fiscal, day)
        found = _of_span(rule, place.business, span)
        fruitless = 0 if found else fruitless + 1
        if fruitless > _FRUITLESS_MAX:
            raise ValueError(f"no {rule.of} has business day {rule.number}")
        if found:
            yield found
        day = ends(span)


def _of_span(rule: OnDay, business: BusinessDays, span: DateRange) -> date | None:
    first, last = starts(span), ends(span) - DAY
    if rule.business:
        found = business.count_on(first - DAY if rule.number > 0 else last + DAY, rule.number)
    else:
        found = first + (rule.number - 1) * DAY if rule.number > 0 else last + (rule.number + 1) * DAY
        found = min(found, last)
    return found if first <= found <= last else None

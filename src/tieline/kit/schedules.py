"""When something is due: rules on local calendars, answered as instants in UTC. Pure; nothing here knows what time it is.

A local time that a change of clocks skips is due that much later, once; one that occurs twice is due the first time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tieline.kit.calendars import DAY, BusinessDays, FiscalCalendar, MonthlyYear

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WIDEST = timedelta(days=2)  # no zone's calendar is further from UTC's, a skipped day included
_FRUITLESS_MAX = 120  # months or periods without a due day: such a rule never comes


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
class OnBusinessDay:
    """On business day `number` of every month, negative from its end; a month that has not so many is left out."""

    number: int
    at: time

    def __post_init__(self) -> None:
        if not 1 <= abs(self.number) <= 23:
            raise ValueError(f"a month has business days 1 to 23, or -1 to -23 from its end, not {self.number}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterPeriodEnd:
    """`days` after (negative: before) the first day that is no longer in a fiscal period; business days when `business`."""

    days: int
    at: time
    business: bool = False


Rule = Every | Daily | OnBusinessDay | AfterPeriodEnd


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
    day = (after - _WIDEST).date()
    days = _days(day) if isinstance(rule, Daily) else _listed(rule, place, day)
    for day in days:
        yield place.instant(day, rule.at)


def _days(day: date) -> Iterator[date]:
    while True:
        yield day
        day += DAY


def _listed(rule: OnBusinessDay | AfterPeriodEnd, place: Place, day: date) -> Iterator[date]:
    found = _business_days(rule, place, day) if isinstance(rule, OnBusinessDay) else _period_ends(rule, place, day)
    fruitless = 0
    for each in found:
        fruitless = fruitless + 1 if each is None else 0
        if fruitless > _FRUITLESS_MAX:
            raise ValueError(f"no month has business day {getattr(rule, 'number', '')}")
        if each is not None:
            yield each


def _business_days(rule: OnBusinessDay, place: Place, day: date) -> Iterator[date | None]:
    month = day.replace(day=1)
    while True:
        yield place.business.of_month(month.year, month.month, rule.number)
        month = (month + 31 * DAY).replace(day=1)


def _period_ends(rule: AfterPeriodEnd, place: Place, day: date) -> Iterator[date]:
    reach = timedelta(days=abs(rule.days) * (3 if rule.business else 1) + 40)
    period = place.fiscal.period_of(day - reach)
    while True:
        end = period.end
        yield place.business.count_on(end, rule.days) if rule.business and rule.days else end + rule.days * DAY
        period = place.fiscal.period_of(end)

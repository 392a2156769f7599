"""Whether an approved time entry may be charged. Every failed rule is reported, in the order of the rule book."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal

from tieline.domain.amendments import Terms
from tieline.domain.contract import is_signed
from tieline.domain.holds import Finding, finding
from tieline.domain.rates import Term
from tieline.domain.records import Contract, TimeEntry

_HOURS_IN_A_DAY = Decimal(24)


class Earlier:
    """The contract's entries that come before the one in question; between two copies the earlier one is charged."""

    def __init__(self, entries: Iterable[TimeEntry] = ()) -> None:
        self._hours: dict[tuple[str, date], Decimal] = {}
        self._copies: dict[tuple[object, ...], str] = {}
        for entry in entries:
            self.add(entry)

    def add(self, entry: TimeEntry) -> None:
        self._hours[(entry.resource_id, entry.work_date)] = self.hours_beside(entry) + entry.hours
        self._copies.setdefault(_copy_key(entry), entry.id)

    def hours_beside(self, entry: TimeEntry) -> Decimal:
        """The person's hours of that day that count already."""
        return self._hours.get((entry.resource_id, entry.work_date), Decimal(0))

    def copy_of(self, entry: TimeEntry) -> str | None:
        """The id of an entry that says the same."""
        return self._copies.get(_copy_key(entry))


def check_entry(entry: TimeEntry, terms: Terms, today: date, earlier: Earlier) -> tuple[Finding, ...]:
    """Every rule that the entry fails."""
    contract = terms.contract
    return (
        *_open(entry, contract),
        *_effective(entry, contract),
        *_rated(entry, terms),
        *_hours(entry, earlier),
        *_duplicate(entry, earlier),
        *_future(entry, today),
        *_approver(entry),
    )


def _open(entry: TimeEntry, contract: Contract) -> Iterator[Finding]:
    if contract.ends_on is not None and entry.work_date >= contract.ends_on:
        yield finding(
            "PROJECT_NOT_ACTIVE", work_date=entry.work_date, ends_on=contract.ends_on, contract=contract.number
        )
    if not _line_exists(entry, contract):
        yield finding("WBS_CLOSED", contract=contract.number, line_id=entry.line_id)


def _effective(entry: TimeEntry, contract: Contract) -> Iterator[Finding]:
    if not is_signed(contract):
        yield finding("PRE_CONTRACT_WORK", contract=contract.number)
    elif entry.work_date < contract.starts_on:
        yield finding(
            "CONTRACT_NOT_EFFECTIVE",
            work_date=entry.work_date,
            starts_on=contract.starts_on,
            contract=contract.number,
        )


def _rated(entry: TimeEntry, terms: Terms) -> Iterator[Finding]:
    contract = terms.contract
    outside = entry.work_date < contract.starts_on or (
        contract.ends_on is not None and entry.work_date >= contract.ends_on
    )
    if outside or not _line_exists(entry, contract):
        return  # there is no rate to look for, and one reason is enough
    answer = terms.rate_on(entry.line_id, entry.work_date)
    if not isinstance(answer, Term):
        yield answer


def _hours(entry: TimeEntry, earlier: Earlier) -> Iterator[Finding]:
    day_total = earlier.hours_beside(entry) + entry.hours
    if entry.hours <= 0 or day_total > _HOURS_IN_A_DAY:
        yield finding("HOURS_RANGE", hours=entry.hours, day_total=day_total, work_date=entry.work_date)


def _duplicate(entry: TimeEntry, earlier: Earlier) -> Iterator[Finding]:
    if (other := earlier.copy_of(entry)) is not None:
        yield finding("DUPLICATE", other=other)


def _future(entry: TimeEntry, today: date) -> Iterator[Finding]:
    if entry.work_date > today:
        yield finding("FUTURE_DATE", work_date=entry.work_date, today=today)


def _approver(entry: TimeEntry) -> Iterator[Finding]:
    if entry.approved_by is None:
        yield finding("APPROVER_INVALID", reason="the entry is approved, but by nobody")
    elif entry.approved_by == entry.resource_id:
        yield finding("APPROVER_INVALID", reason="the person who did the work also approved it")


def _line_exists(entry: TimeEntry, contract: Contract) -> bool:
    return any(line.id == entry.line_id for line in contract.lines)


def _copy_key(entry: TimeEntry) -> tuple[object, ...]:
    return (entry.resource_id, entry.work_date, entry.line_id, entry.hours, entry.narrative)

"""Whether an approved time entry may be charged. Every failed rule is reported, in the order of the rule book."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal

from tieline.domain.amendments import Terms
from tieline.domain.contract import is_signed
from tieline.domain.holds import Finding, finding
from tieline.domain.rates import Term
from tieline.domain.records import Contract, TimeEntry

_HOURS_IN_A_DAY = Decimal(24)


def check_entry(entry: TimeEntry, terms: Terms, today: date, earlier: Sequence[TimeEntry]) -> tuple[Finding, ...]:
    """`earlier`: the contract's entries that come before this one; between two copies the earlier one is charged."""
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


def _hours(entry: TimeEntry, earlier: Sequence[TimeEntry]) -> Iterator[Finding]:
    same_day = (e.hours for e in earlier if (e.resource_id, e.work_date) == (entry.resource_id, entry.work_date))
    day_total = entry.hours + sum(same_day, Decimal(0))
    if entry.hours <= 0 or day_total > _HOURS_IN_A_DAY:
        yield finding("HOURS_RANGE", hours=entry.hours, day_total=day_total, work_date=entry.work_date)


def _duplicate(entry: TimeEntry, earlier: Sequence[TimeEntry]) -> Iterator[Finding]:
    for other in earlier:
        if _copy_key(other) == _copy_key(entry):
            yield finding("DUPLICATE", other=other.id)
            return


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

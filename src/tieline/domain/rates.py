"""Which hourly rate a contract line has on a day, as known at an instant: valid time and record time, never mixed up.

The base line holds from the contract's start; among the signed amendments known by then whose range covers the day for
that line, the one signed last wins. Amendments to other lines do not matter. Nothing ever falls back to zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from tieline.domain.records import Amendment, Contract
from tieline.kit.dates import DateRange
from tieline.kit.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAmendment:
    """An amendment and the instant at which we learned of it."""

    amendment: Amendment
    known_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """The rate in force and the day since which it holds; `amendment_id` is None for the contract as first signed."""

    rate: Money
    since: date
    amendment_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unrated:
    """Why there is no rate: RATE_MISSING, RATE_CURRENCY or AMENDMENT_CONFLICT. An answer, not an exception."""

    code: str
    amendments: tuple[Amendment, ...] = ()
    rate: Money | None = None


def rate_on(
    contract: Contract, line_id: str, day: date, amendments: Iterable[KnownAmendment], known_at: datetime
) -> Term | Unrated:
    """The rate of `line_id` for work on `day`, as known at `known_at` (EX-4.0a, EX-4.1)."""
    if not DateRange(contract.starts_on, contract.ends_on).covers(day):
        return Unrated(code="RATE_MISSING")
    signed = [k.amendment for k in amendments if _counts(k, line_id, known_at)]
    winner = _winner(signed, line_id, day)
    if isinstance(winner, Unrated):
        return winner
    rate = rate_in(winner, line_id) if winner else _base_rate(contract, line_id)
    if rate is None or rate.amount <= 0:
        return Unrated(code="RATE_MISSING")
    if rate.currency != contract.currency:
        return Unrated(code="RATE_CURRENCY", rate=rate)
    return Term(
        rate=rate, since=_since(contract, line_id, day, signed, winner), amendment_id=winner.id if winner else None
    )


def changes_line(amendment: Amendment, line_id: str) -> bool:
    return any(change.line_id == line_id for change in amendment.changes)


def covers(amendment: Amendment, line_id: str, day: date) -> bool:
    """Whether the amendment speaks about this line on this day."""
    return changes_line(amendment, line_id) and range_of(amendment).covers(day)


def range_of(amendment: Amendment) -> DateRange:
    return DateRange(amendment.effective_from, amendment.effective_to)


def rate_in(amendment: Amendment, line_id: str) -> Money | None:
    return next((change.rate for change in amendment.changes if change.line_id == line_id), None)


def turning_days(contract: Contract, amendments: Iterable[Amendment]) -> list[date]:
    """The days on which some rate may change, in order: what a flow wakes for."""
    days = {contract.starts_on}
    for amendment in amendments:
        days |= {day for day in (amendment.effective_from, amendment.effective_to) if day is not None}
    return sorted(days)


def _counts(known: KnownAmendment, line_id: str, known_at: datetime) -> bool:
    signed_at = known.amendment.signed_at
    return (
        signed_at is not None and max(signed_at, known.known_at) <= known_at and changes_line(known.amendment, line_id)
    )


def _winner(signed: Sequence[Amendment], line_id: str, day: date) -> Amendment | Unrated | None:
    covering = [a for a in signed if range_of(a).covers(day)]
    if not covering:
        return None
    last = max(a.signed_at for a in covering if a.signed_at is not None)
    best = sorted((a for a in covering if a.signed_at == last), key=lambda a: a.number)
    if len({rate_in(a, line_id) for a in best}) > 1:
        return Unrated(code="AMENDMENT_CONFLICT", amendments=tuple(best))
    return best[0]


def _since(contract: Contract, line_id: str, day: date, signed: Sequence[Amendment], winner: Amendment | None) -> date:
    """The first day of the unbroken run up to `day` in which the same source wins."""
    since = day
    for turn in reversed([d for d in turning_days(contract, signed) if contract.starts_on <= d <= day]):
        if _winner(signed, line_id, turn) != winner:
            return since
        since = turn
    return since


def _base_rate(contract: Contract, line_id: str) -> Money | None:
    return next((line.rate for line in contract.lines if line.id == line_id), None)

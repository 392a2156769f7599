"""Which amendments of a contract apply, and which are set aside until a person or a missing document resolves them.

Applied in order of number: a missing number parks the later ones (EX-4.0b). What is set aside changes no rate, and work
that it speaks about is not charged either, since a charge is never edited afterwards.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import combinations

from tieline.domain.contract import line_name
from tieline.domain.holds import Finding, finding
from tieline.domain.rates import KnownAmendment, Term, changes_line, covers, range_of, rate_in, rate_on
from tieline.domain.records import Amendment, Contract
from tieline.kit.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    amendment: Amendment
    why: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """A contract with the amendments that apply to it, as known at `known_at`."""

    contract: Contract
    known_at: datetime
    applied: tuple[KnownAmendment, ...] = ()
    aside: tuple[SetAside, ...] = ()

    def rate_on(self, line_id: str, day: date) -> Term | Finding:
        """The agreed rate, or why none may be used."""
        for parked in self.aside:
            if parked.amendment.signed_at is not None and _may_touch(parked, line_id, day):
                return self._disputed(parked, line_id, day)
        answer = rate_on(self.contract, line_id, day, self.applied, self.known_at)
        if isinstance(answer, Term):
            return answer
        if answer.amendments:
            reason = finding("AMENDMENT_CONFLICT")
            return self._disputed(SetAside(amendment=answer.amendments[0], why=reason), line_id, day)
        return finding(
            answer.code,
            line=line_name(self.contract, line_id),
            work_date=day,
            contract=self.contract.number,
            currency=self.contract.currency,
            other=answer.rate.currency if answer.rate else "",
        )

    def cap_on(self, day: date) -> Money | None:
        """What may be charged at most, as the papers known now say for this day; None is no cap (EX-4.0a)."""
        stated = [
            (a.signed_at, -a.cap.amount, a.cap)
            for a in (known.amendment for known in self.applied)
            if a.cap is not None and a.signed_at is not None and range_of(a).covers(day)
        ]
        return max(stated, key=lambda one: one[:2])[2] if stated else self.contract.cap

    def _disputed(self, parked: SetAside, line_id: str, day: date) -> Finding:
        return finding(
            "RATE_IN_DISPUTE",
            line=line_name(self.contract, line_id),
            work_date=day,
            number=parked.amendment.number,
            contract=self.contract.number,
            reason=parked.why.code,
        )


def terms_of(
    contract: Contract, known: Sequence[KnownAmendment], known_at: datetime, confirmed: Collection[str] = ()
) -> Terms:
    """Sort the amendments known at `known_at`. `confirmed`: ids that a person confirmed although they displace others."""
    arrived = sorted((k for k in known if k.known_at <= known_at), key=lambda k: (k.amendment.number, k.amendment.id))
    why: dict[str, Finding] = {}
    for rule in (_unsigned, _invalid, _same_number, _gaps, _conflicts):
        for amendment, reason in rule(contract, [k.amendment for k in arrived]):
            why.setdefault(amendment.id, reason)
    for amendment, reason in _displacing(contract, [k.amendment for k in arrived if k.amendment.id not in why]):
        if amendment.id not in confirmed:
            why.setdefault(amendment.id, reason)
    return Terms(
        contract=contract,
        known_at=known_at,
        applied=tuple(k for k in arrived if k.amendment.id not in why),
        aside=tuple(SetAside(amendment=k.amendment, why=why[k.amendment.id]) for k in arrived if k.amendment.id in why),
    )


_Faults = Iterator[tuple[Amendment, Finding]]


def _may_touch(parked: SetAside, line_id: str, day: date) -> bool:
    if parked.why.code == "AMENDMENT_INVALID":  # its range cannot be trusted: everything from its start on
        return changes_line(parked.amendment, line_id) and day >= parked.amendment.effective_from
    return covers(parked.amendment, line_id, day)


def _unsigned(contract: Contract, amendments: Sequence[Amendment]) -> _Faults:
    for a in amendments:
        if a.signed_at is None:
            yield a, finding("AMENDMENT_UNSIGNED", number=a.number, contract=contract.number)


def _invalid(contract: Contract, amendments: Sequence[Amendment]) -> _Faults:
    lines = {line.id for line in contract.lines}
    for a in amendments:
        reasons = [
            f"it changes line {c.line_id}, which the contract does not have"
            for c in a.changes
            if c.line_id not in lines
        ]
        if a.effective_to is not None and a.effective_to <= a.effective_from:
            reasons.append(f"it ends on {a.effective_to}, not after its start on {a.effective_from}")
        if a.cap is not None and (a.cap.amount <= 0 or a.cap.currency != contract.currency):
            reasons.append(f"its cap is {a.cap}, and a cap must be above zero and in {contract.currency}")
        for change in a.changes:
            if change.rate.amount <= 0:
                reasons.append(
                    f"its rate for line {line_name(contract, change.line_id)} is {change.rate}, and a rate must be above zero"
                )
            if change.rate.currency != contract.currency:
                reasons.append(f"its rate for line {line_name(contract, change.line_id)} is not in {contract.currency}")
        if reasons:
            yield a, finding("AMENDMENT_INVALID", number=a.number, contract=contract.number, reason="; ".join(reasons))


def _same_number(contract: Contract, amendments: Sequence[Amendment]) -> _Faults:
    for a, b in combinations(amendments, 2):
        if a.number == b.number:
            for one in (a, b):
                yield one, _conflict(contract, one, b if one is a else a, "they carry the same number")


def _gaps(contract: Contract, amendments: Sequence[Amendment]) -> _Faults:
    expected = 1
    for a in amendments:
        if a.number > expected:
            missing = str(expected) if a.number == expected + 1 else f"{expected} to {a.number - 1}"
            yield a, finding("AMENDMENT_GAP", number=a.number, contract=contract.number, missing=missing)
        else:
            expected = a.number + 1


def _conflicts(contract: Contract, amendments: Sequence[Amendment]) -> _Faults:
    signed = [a for a in amendments if a.signed_at is not None and _ordered(a)]
    for a, b in combinations(signed, 2):
        if a.signed_at != b.signed_at:
            continue
        for change in a.changes:
            other = rate_in(b, change.line_id)
            if other is None or other == change.rate or not _overlap(a, b) or _overruled(a, b, change.line_id, signed):
                continue
            reason = (
                f"both were signed at {_spelled(a)} and set another rate for line {line_name(contract, change.line_id)}"
            )
            yield a, _conflict(contract, a, b, reason)
            yield b, _conflict(contract, b, a, reason)


def _displacing(contract: Contract, amendments: Sequence[Amendment]) -> _Faults:
    """Retroactive and open-ended, over a later rate that was agreed before (EX-4.0a)."""
    for late in amendments:
        if late.signed_at is None or late.effective_to is not None or late.effective_from >= late.signed_at.date():
            continue
        for early in amendments:
            if (
                early.signed_at is None
                or early.signed_at >= late.signed_at
                or early.effective_from <= late.effective_from
            ):
                continue
            if any(_lowers(late, early, c.line_id, amendments) for c in late.changes):
                yield (
                    late,
                    finding(
                        "AMENDMENT_DISPLACES",
                        number=late.number,
                        contract=contract.number,
                        effective_from=late.effective_from,
                        other=early.number,
                        other_from=early.effective_from,
                        amendment_id=late.id,
                    ),
                )


def _lowers(late: Amendment, early: Amendment, line_id: str, amendments: Sequence[Amendment]) -> bool:
    """Whether `late` replaces the rate of `early` and no still later signature says that this is meant."""
    if rate_in(early, line_id) in (None, rate_in(late, line_id)):
        return False
    return not any(
        a.signed_at is not None
        and late.signed_at is not None
        and a.signed_at > late.signed_at
        and a.effective_to is None
        and covers(a, line_id, early.effective_from)
        for a in amendments
    )


def _conflict(contract: Contract, one: Amendment, other: Amendment, reason: str) -> Finding:
    return finding("AMENDMENT_CONFLICT", number=one.number, other=other.number, contract=contract.number, reason=reason)


def _spelled(a: Amendment) -> str:
    return f"{a.signed_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if a.signed_at else "no time"


def _ordered(a: Amendment) -> bool:
    return a.effective_to is None or a.effective_from < a.effective_to


def _overlap(a: Amendment, b: Amendment) -> bool:
    start = max(a.effective_from, b.effective_from)
    return range_of(a).covers(start) and range_of(b).covers(start)


def _overruled(a: Amendment, b: Amendment, line_id: str, signed: Sequence[Amendment]) -> bool:
    """Whether a later signature states the rate for all the days on which the two contradict each other."""
    start = max(a.effective_from, b.effective_from)
    ends = [e for e in (a.effective_to, b.effective_to) if e is not None]
    for later in signed:
        if later.signed_at is None or a.signed_at is None or later.signed_at <= a.signed_at:
            continue
        if covers(later, line_id, start) and (
            later.effective_to is None or (ends != [] and min(ends) <= later.effective_to)
        ):
            return True
    return False

"""The contract's approved hours, judged once for all flows: which may be charged, which are held, and by which rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from tieline.domain.charges import charge_amount, charge_of
from tieline.domain.documents import TimeCharge
from tieline.domain.holds import Finding, finding
from tieline.domain.rates import Term
from tieline.domain.records import TimeEntry
from tieline.domain.time_entries import Earlier, check_entry
from tieline.flows.caps import answer_to, charge_draw, order_findings, shortage
from tieline.flows.view import ContractView
from tieline.kit.money import Money
from tieline.ports.decisions import Draw

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One approved entry that is not charged yet: a charge, or the rules that it fails."""

    entry: TimeEntry
    charge: TimeCharge | None
    findings: tuple[Finding, ...]
    amount: Money | None
    draw: Draw | None = None  # what the charge asks of the contract's limits
    excess: bool = False  # beyond a limit: visible and unbilled, but it stops no invoice


def judge(view: ContractView) -> Iterator[Judged]:
    """In order of approval, so that of two copies the earlier one is charged, and always the same one."""
    charged = {charge.time_entry_id for charge in view.charges.all}
    passed = Earlier(entry for entry in view.entries.all if entry.id in charged)
    for entry in sorted(open_entries(view), key=lambda e: (e.approved_at or _NEVER, e.id)):
        findings = (*check_entry(entry, view.terms, view.today, passed), *order_findings(view, entry))
        term = view.terms.rate_on(entry.line_id, entry.work_date)
        priced = term if isinstance(term, Term) else None
        charge = charge_of(view.tenant, view.contract, entry, priced) if priced and not findings else None
        if charge is not None:
            passed.add(entry)
        judged = Judged(
            entry=entry,
            charge=charge,
            findings=findings,
            amount=charge_amount(entry.hours, priced.rate) if priced else None,
        )
        yield _within_limits(view, judged)


def _within_limits(view: ContractView, judged: Judged) -> Judged:
    """A charge that the limits have granted; without an answer there is neither a charge nor a reason yet."""
    if judged.charge is None:
        over = bool(judged.findings) and {f.code for f in judged.findings} <= {"PO_EXPIRED"}
        return replace(judged, excess=over)
    draw = charge_draw(view, judged.charge, view.entries[judged.entry.id].record.part)
    if draw is None:
        return judged
    given = answer_to(view, draw)
    if given is not None and given.granted >= draw.amount:
        return replace(judged, draw=draw)
    found = (shortage(view, draw),) if given is not None else ()
    return replace(judged, draw=draw, charge=None, findings=found, excess=given is not None)


def open_entries(view: ContractView) -> list[TimeEntry]:
    """Approved and not charged."""
    charged = {charge.time_entry_id for charge in view.charges.all}
    return [entry for entry in view.entries.all if entry.state == "approved" and entry.id not in charged]


def changed_after_charge(view: ContractView) -> Iterator[tuple[TimeCharge, Finding]]:
    """Entries that now say something else than what was charged for them."""
    for charge in view.charges.all:
        known = view.entries.get(charge.time_entry_id)
        if known is None:
            continue
        entry = known.value
        same = (entry.hours, entry.work_date) == (charge.hours, charge.work_date) and entry.state == "approved"
        if not same:
            yield (
                charge,
                finding(
                    "ALREADY_CHARGED",
                    charged=f"{charge.hours} h on {charge.work_date}",
                    now=f"{entry.hours} h on {entry.work_date} ({entry.state})",
                ),
            )

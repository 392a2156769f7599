"""What a retroactive amendment would have changed in charges that stand already. A charge is never edited, so finance is told.

The charges concerned are marked when their day is planned under the new terms, and found by their mark here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from tieline.domain.charges import charge_amount
from tieline.domain.documents import TimeCharge
from tieline.domain.holds import finding
from tieline.domain.rates import Term
from tieline.flows.parts import OUTDATED, remark
from tieline.flows.registry import flow
from tieline.flows.say import hold
from tieline.flows.targets import ERP, element_at
from tieline.flows.view import ContractView, Known
from tieline.kit.canonical import digest, plain
from tieline.kit.money import Money, total
from tieline.ports.decisions import Decision
from tieline.ports.flows import Needs, Snapshot


@flow(
    root="contract",
    within=timedelta(hours=8),
    owner="finance",
    needs=lambda snapshot: Needs(records=frozenset({OUTDATED})),
)
def report_retro(snapshot: Snapshot) -> Iterator[Decision]:
    """One hold per amendment, until a person approves exactly these differences as dealt with."""
    view = ContractView.of(snapshot)
    if not view.ready:
        return
    for amendment_id, charges in sorted(_outdated(view).items()):
        yield from _told(view, amendment_id, charges)


def _told(view: ContractView, amendment_id: str, charges: list[tuple[TimeCharge, Money]]) -> Iterator[Decision]:
    amendment = view.amendments[amendment_id].value
    delta = total((due - charge.amount for charge, due in charges), view.contract.currency)
    document = {
        "amendment_id": amendment_id,
        "delta": plain(delta),
        "charges": [{"id": c.id, "charged": plain(c.amount), "due": plain(due)} for c, due in charges],
    }
    subject, covered = f"retro_delta:{amendment_id}", digest(document).hex()
    if view.approval(subject, covered) is not None:
        for charge, _ in charges:
            known = view.charges[charge.id]
            yield from remark(known, add=[_dealt(view, known)], drop=[OUTDATED])
        return
    found = finding(
        "RETRO_DELTA", number=amendment.number, contract=view.contract.number, count=len(charges), delta=delta
    )
    yield hold(found, subject, amount=delta, evidence={"digest": covered, "document": document})


def is_outdated(view: ContractView, known: Known[TimeCharge]) -> bool:
    """Repriced by an amendment, and nobody has dealt with exactly this price yet."""
    return _repriced(view, known.value) is not None and _dealt(view, known) not in (known.record.marks or ())


def _dealt(view: ContractView, known: Known[TimeCharge]) -> str:
    term = _repriced(view, known.value)
    assert term is not None, "only what was repriced is dealt with"
    return f"dealt/{term.amendment_id}/{term.rate.amount.normalize()}"


def _repriced(view: ContractView, charge: TimeCharge) -> Term | None:
    """The term that now prices its day otherwise."""
    line_of = {element_at(view, line.id, ERP).key: line.id for line in view.contract.lines}
    line_id = line_of.get(charge.work_element_id)
    term = view.terms.rate_on(line_id, charge.work_date) if line_id is not None else None
    changed = isinstance(term, Term) and term.amendment_id is not None and term.rate != charge.rate
    return term if changed and isinstance(term, Term) else None


def _outdated(view: ContractView) -> dict[str, list[tuple[TimeCharge, Money]]]:
    """Amendment -> charges whose day it now prices otherwise, with what would be due."""
    found: dict[str, list[tuple[TimeCharge, Money]]] = {}
    for known in view.charges.values():
        term = _repriced(view, known.value) if is_outdated(view, known) else None
        if term is not None:
            due = charge_amount(known.value.hours, term.rate)
            found.setdefault(str(term.amendment_id), []).append((known.value, due))
    return found

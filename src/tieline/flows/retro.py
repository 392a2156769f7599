"""What a retroactive amendment would have changed in charges that stand already. A charge is never edited, so finance is told."""

from __future__ import annotations

from collections.abc import Iterator

from tieline.domain.charges import charge_amount
from tieline.domain.documents import TimeCharge
from tieline.domain.holds import finding
from tieline.domain.rates import Term
from tieline.flows.say import hold
from tieline.flows.targets import ERP, element_at
from tieline.flows.view import ContractView
from tieline.kit.canonical import digest, plain
from tieline.kit.money import Money, total
from tieline.ports.decisions import Hold


def retro_deltas(view: ContractView) -> Iterator[Hold]:
    """One hold per amendment, until a person approves exactly these differences as dealt with."""
    for amendment_id, charges in sorted(_outdated(view).items()):
        amendment = view.amendments[amendment_id].value
        delta = total((due - charge.amount for charge, due in charges), view.contract.currency)
        document = {
            "amendment_id": amendment_id,
            "delta": plain(delta),
            "charges": [{"id": c.id, "charged": plain(c.amount), "due": plain(due)} for c, due in charges],
        }
        subject, covered = f"retro_delta:{amendment_id}", digest(document).hex()
        if view.approval(subject, covered) is None:
            found = finding(
                "RETRO_DELTA", number=amendment.number, contract=view.contract.number, count=len(charges), delta=delta
            )
            yield hold(found, subject, amount=delta, evidence={"digest": covered, "document": document})


def _outdated(view: ContractView) -> dict[str, list[tuple[TimeCharge, Money]]]:
    """Amendment -> charges whose day it now prices otherwise, with what would be due."""
    line_of = {element_at(view, line.id, ERP).key: line.id for line in view.contract.lines}
    found: dict[str, list[tuple[TimeCharge, Money]]] = {}
    for charge in view.charges.all:
        line_id = line_of.get(charge.work_element_id)
        term = view.terms.rate_on(line_id, charge.work_date) if line_id is not None else None
        if isinstance(term, Term) and term.amendment_id is not None and term.rate != charge.rate:
            found.setdefault(term.amendment_id, []).append((charge, charge_amount(charge.hours, term.rate)))
    return found

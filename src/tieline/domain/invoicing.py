"""From charges to one frozen invoice, and from the ERP's draft back to "equal" or not.

Net is the sum of rounded charges; tax is computed once per (code, rate) on the summed base (EX-2.1, EX-2.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from tieline.domain import names
from tieline.domain.documents import Invoice, InvoiceLine, InvoicePosting, TimeCharge
from tieline.domain.records import Contract, InvoiceRequest
from tieline.kit.canonical import Json, plain
from tieline.kit.money import Money, total

_FIGURES: tuple[str, ...] = ("net", "tax", "total")


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceWithdrawal:
    """A draft that the ERP showed with other figures and that was taken back; its charges are free again.

    `seen` holds the ERP's figures, as read. A movement: minted once, so that a later read-back cannot undo the decision.
    """

    id: str
    invoice_id: str
    system: str
    net: Money
    tax: Money
    total: Money
    seen: dict[str, str]
    decided_on: date


def tax_on(base: Money, rate: Decimal) -> Money:
    """Tax of one (code, rate) group, rounded once."""
    return base.times(rate).rounded()


def compose(
    tenant: str, contract: Contract, request: InvoiceRequest, charges: Sequence[TimeCharge], tax_rate: Decimal
) -> Invoice:
    """One invoice over `charges`, which must not be empty."""
    assert charges, "an invoice of nothing is never composed"
    lines = tuple(_numbered(_lines(contract, tenant, charges)))
    net = total((line.amount for line in lines), contract.currency)
    tax = tax_on(net, tax_rate)
    return Invoice(
        id=names.invoice_id(tenant, request.id),
        contract_id=contract.id,
        project_id=names.project_id(tenant, contract.id),
        client_id=names.client_document_id(tenant, contract.client_id, contract.legal_entity),
        legal_entity=contract.legal_entity,
        currency=contract.currency,
        invoice_date=request.invoice_date,
        tax_code=contract.tax_code,
        tax_rate=tax_rate,
        lines=lines,
        net=net,
        tax=tax,
        total=net + tax,
    )


def billed_charges(invoices: Iterable[Invoice]) -> frozenset[str]:
    """The charges that stand on an invoice."""
    return frozenset(charge for invoice in invoices for line in invoice.lines for charge in line.charge_ids)


def posting_of(tenant: str, invoice: Invoice) -> InvoicePosting:
    return InvoicePosting(
        id=names.posting_id(tenant, invoice.id),
        invoice_id=invoice.id,
        legal_entity=invoice.legal_entity,
        total=invoice.total,
        posting_date=invoice.invoice_date,
    )


def differences(invoice: Invoice, doc: Mapping[str, Json], seen: Mapping[str, Json]) -> dict[str, str]:
    """What the ERP's draft shows otherwise than the invoice (`doc` is the invoice as minted); empty means equal.

    A figure that the draft does not show counts as different: silence is not agreement. Other fields count where shown.
    """
    found: dict[str, str] = {}
    for name in _FIGURES:
        ours: Money = getattr(invoice, name)
        if (theirs := _money(seen.get(name))) is None or theirs != ours:
            found[name] = str(theirs) if theirs is not None else "not shown"
    for name in sorted(seen.keys() - set(_FIGURES)):
        if seen[name] != doc.get(name):
            found[name] = _shown(name, seen[name])
    return found


def figures(invoice: Invoice, names: Iterable[str]) -> dict[str, str]:
    """The invoice's own side of `differences`."""
    doc = plain(invoice)
    return {n: str(getattr(invoice, n)) if n in _FIGURES else _shown(n, doc.get(n)) for n in names}


def _shown(name: str, value: Json) -> str:
    if name == "lines" and isinstance(value, list):
        return ", ".join(str(_money(line.get("amount"))) for line in value) or "none"
    return str(value)


def _lines(contract: Contract, tenant: str, charges: Sequence[TimeCharge]) -> Iterator[InvoiceLine]:
    """One line per work element and rate, in the contract's order."""
    order = {names.work_element_id(tenant, contract.id, line.id): n for n, line in enumerate(contract.lines)}
    titles = {names.work_element_id(tenant, contract.id, line.id): line.name for line in contract.lines}
    groups: dict[tuple[str, Decimal], list[TimeCharge]] = {}
    for charge in sorted(charges, key=lambda c: (order.get(c.work_element_id, len(order)), c.work_date, c.id)):
        groups.setdefault((charge.work_element_id, charge.rate.amount.normalize()), []).append(charge)
    for (element, _), group in groups.items():
        for part in _exact_parts(group):
            yield _line(titles.get(element, element), part)


def _exact_parts(group: list[TimeCharge]) -> list[list[TimeCharge]]:
    """The whole group if quantity times price gives its sum of rounded charges, else charge by charge.

    Every ERP computes quantity times price itself; three half hours at 185.25 are 277.89, not 277.88 (EX-2.1).
    """
    rounded = total((charge.amount for charge in group), group[0].amount.currency)
    at_once = group[0].rate.times(sum((charge.hours for charge in group), Decimal(0))).rounded()
    return [group] if at_once == rounded else [[charge] for charge in group]


def _line(title: str, charges: list[TimeCharge]) -> InvoiceLine:
    first, last = charges[0].work_date, charges[-1].work_date
    return InvoiceLine(
        position=0,
        description=f"{title}, {first}" if first == last else f"{title}, {first} to {last}",
        quantity=sum((charge.hours for charge in charges), Decimal(0)),
        unit_price=charges[0].rate.amount,
        amount=total((charge.amount for charge in charges), charges[0].amount.currency),
        charge_ids=tuple(charge.id for charge in charges),
        work_element_id=charges[0].work_element_id,
    )


def _numbered(lines: Iterable[InvoiceLine]) -> Iterator[InvoiceLine]:
    for position, line in enumerate(lines, start=1):
        yield InvoiceLine(
            position=position,
            description=line.description,
            quantity=line.quantity,
            unit_price=line.unit_price,
            amount=line.amount,
            charge_ids=line.charge_ids,
            work_element_id=line.work_element_id,
        )


def _money(value: Json) -> Money | None:
    try:
        return Money.of(value["amount"], value["currency"]) if value else None
    except (KeyError, TypeError, ValueError, InvalidOperation):
        return None

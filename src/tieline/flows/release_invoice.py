"""Unbilled charges become one frozen invoice; finance releases exactly it; the ERP posts it only if its draft is equal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from tieline.domain import names
from tieline.domain.documents import Invoice, TimeCharge
from tieline.domain.holds import finding
from tieline.domain.invoicing import billed_charges, compose
from tieline.domain.records import InvoiceRequest
from tieline.flows.hours import Judged, judge
from tieline.flows.invoice_steps import steps_of
from tieline.flows.parts import LIVE, OPEN, SERVED, part_of_invoice
from tieline.flows.registry import flow
from tieline.flows.say import hold
from tieline.flows.view import UNBILLED, ContractView
from tieline.kit.canonical import plain
from tieline.kit.money import total
from tieline.ports.decisions import Decision, Hold, Mark, Movement
from tieline.ports.flows import Needs, Snapshot


def _needs(snapshot: Snapshot) -> Needs:
    """All that is open counts only for a request that waits for its invoice, or while a withdrawn one waits for another."""
    view = ContractView.of(snapshot)
    if not view.ready or not view.firm.hub_bills(view.contract.legal_entity):
        return Needs()
    waits = view.withdrawals or any(not _is_served(view, request) for request in view.requests.all)
    return Needs(parts=frozenset({OPEN}), records=frozenset({UNBILLED})) if waits else Needs()


@flow(root="contract", within=timedelta(hours=8), owner="finance", follows=[LIVE], needs=_needs)
def release_invoice(snapshot: Snapshot) -> Iterator[Decision]:
    """Prepare, release, draft, read back, post; or withdraw and say why."""
    view = ContractView.of(snapshot)
    if not view.ready or not view.firm.hub_bills(view.contract.legal_entity):
        return
    yield from _prepared(view)
    yield from _served(view)
    for known in view.invoices.values():
        yield from steps_of(view, known.value, known.record.doc)


def _is_served(view: ContractView, request: InvoiceRequest) -> bool:
    marks = view.requests[request.id].record.marks or ()
    return SERVED in marks or names.invoice_id(view.tenant, request.id) in view.invoices


def _served(view: ContractView) -> Iterator[Mark]:
    """A request whose invoice will one day not be looked at any more remembers that it has one."""
    for request in view.requests.all:
        invoice = view.invoices.get(names.invoice_id(view.tenant, request.id))
        marks = view.requests[request.id].record.marks or ()
        if invoice is not None and invoice.record.part is not None and SERVED not in marks:
            yield Mark(kind="invoice_request", id=request.id, add=(SERVED,))


def _prepared(view: ContractView) -> Iterator[Decision]:
    """Requests are served in a fixed order, each from what the ones before it left."""
    judged = tuple(judge(view)) if view.firm.hub_rates(view.contract.legal_entity) else ()
    unbilled = {charge.id: charge for charge in view.unbilled}
    for request in sorted(view.requests.all, key=lambda r: (r.through, r.id)):
        if _is_served(view, request):
            continue
        window = [charge for charge in unbilled.values() if charge.work_date <= request.through]
        open_hours = [one for one in judged if one.entry.work_date <= request.through and not one.excess]
        if blocked := [one for one in open_hours if one.findings]:
            yield _blocked(view, request, blocked, window)
        elif open_hours:
            continue  # their charges are minted in this very decision; the invoice follows in its next round
        elif not window:
            found = finding("NOTHING_TO_BILL", contract=view.contract.number, through=request.through)
            yield hold(found, f"invoice_request:{request.id}")
        else:
            invoice = _compose(view, request, window)
            yield _minted(request, invoice, part_of_invoice(view, invoice))
            for charge_id in billed_charges([invoice]):
                del unbilled[charge_id]


def _compose(view: ContractView, request: InvoiceRequest, window: list[TimeCharge]) -> Invoice:
    tax_rate = view.firm.tax_rate(view.contract.legal_entity, view.contract.tax_code)
    assert tax_rate is not None, "a ready contract has a tax rate"
    return compose(view.tenant, view.contract, request, window, tax_rate)


def _minted(request: InvoiceRequest, invoice: Invoice, part: str | None) -> Movement:
    return Movement(
        kind="invoice",
        key=invoice.id,
        cause=f"invoice:{request.id}",
        doc=plain(invoice),
        amount=str(invoice.total.amount),
        currency=invoice.currency,
        part=part,
        marks=(LIVE,) if part is not None else (),
    )


def _blocked(view: ContractView, request: InvoiceRequest, blocked: list[Judged], window: list[TimeCharge]) -> Hold:
    """The amount is all that the invoice would have been: the priced part of the blocked hours and the charges beside them."""
    found = finding(
        "BILLING_BLOCKED",
        contract=view.contract.number,
        through=request.through,
        count=len(blocked),
        entries=", ".join(f"{one.entry.id} ({one.findings[0].code})" for one in blocked),
    )
    amounts = [charge.amount for charge in window] + [one.amount for one in blocked if one.amount is not None]
    return hold(found, f"invoice_request:{request.id}", amount=total(amounts, view.contract.currency))

"""Approved hours become charges, each once, and every charge reaches the ERP. One bad entry never stops the others."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from tieline.domain.contract import is_signed
from tieline.domain.documents import TimeCharge
from tieline.domain.facts import ChargeMinted
from tieline.domain.holds import finding
from tieline.domain.invoicing import billed_charges
from tieline.flows.hours import changed_after_charge, judge, open_entries
from tieline.flows.registry import flow
from tieline.flows.retro import retro_deltas
from tieline.flows.say import entry_hold, establish, in_step
from tieline.flows.targets import ERP, charge_at_erp, element_at
from tieline.flows.view import ContractView
from tieline.kit.canonical import plain, restore
from tieline.ports.decisions import Decision, Desired, Movement, WakeAt
from tieline.ports.flows import Snapshot


@flow(root="contract", within=timedelta(hours=1), owner="delivery")
def post_time(snapshot: Snapshot) -> Iterator[Decision]:
    """Rated by the work date as the terms are known now, then frozen."""
    view = ContractView(snapshot)
    if view.exists and not is_signed(view.contract):
        for entry in open_entries(view):
            yield entry_hold([finding("PRE_CONTRACT_WORK", contract=view.contract.number)], entry.id)
    if not view.ready:
        return
    if view.firm.hub_rates(view.contract.legal_entity):
        yield from _charges(view)
    for charge, found in changed_after_charge(view):
        yield entry_hold([found], charge.time_entry_id, amount=charge.amount)
    yield from retro_deltas(view)
    yield from _at_erp(view)


def _charges(view: ContractView) -> Iterator[Decision]:
    for judged in judge(view):
        if judged.charge is not None:
            yield _minted(judged.charge)
            continue
        yield entry_hold(judged.findings, judged.entry.id, amount=judged.amount)
        if judged.entry.work_date > view.today:
            yield WakeAt(at=view.firm.midnight(view.contract.legal_entity, judged.entry.work_date))


def _minted(charge: TimeCharge) -> Movement:
    return Movement(
        kind="charge",
        key=charge.id,
        cause=f"charge:{charge.time_entry_id}",
        doc=plain(charge),
        amount=str(charge.amount.amount),
        currency=charge.amount.currency,
    )


def _at_erp(view: ContractView) -> Iterator[Decision]:
    """Every charge, for ever: the ERP ought to hold them all, but what another system has billed stays in its books.

    The fact is repeated until the ERP has the charge.
    """
    closed = billed_charges(invoice for invoice in view.live_invoices if view.booked_elsewhere(invoice.id))
    line_of = {element_at(view, line.id, ERP).key: line.id for line in view.contract.lines}
    for key, known in view.charges.items():
        if key in closed:
            continue
        charge, doc = known.value, known.record.doc
        target = charge_at_erp(view, key)
        line_id = line_of.get(charge.work_element_id)
        after = (element_at(view, line_id, ERP),) if line_id is not None else ()
        yield Desired(target=target, doc=doc, nature="movement", after=after, basis=known.record.version)
        if not in_step(view, target, doc):
            event = restore(doc, ChargeMinted)
            yield establish(event, subject=f"time_entry:{charge.time_entry_id}", cause=f"charge.minted:{key}")

"""Approved hours become charges, each once, and every charge reaches the ERP. One bad entry never stops the others."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from tieline.domain.contract import is_signed
from tieline.domain.documents import TimeCharge
from tieline.domain.facts import ChargeMinted
from tieline.domain.holds import finding
from tieline.domain.invoicing import billed_charges
from tieline.flows.caps import withdrawn
from tieline.flows.hours import changed_after_charge, judge, open_entries
from tieline.flows.parts import BY_DAY, OPEN, OUTDATED, remark
from tieline.flows.registry import flow
from tieline.flows.report_retro import is_outdated
from tieline.flows.say import entry_hold, establish, hold, in_step
from tieline.flows.targets import ERP, charge_at_erp, element_at
from tieline.flows.view import INVOICED, UNBILLED, ContractView
from tieline.kit.canonical import plain, restore
from tieline.ports.decisions import Decision, Desired, Mark, Movement, WakeAt
from tieline.ports.flows import Record, Snapshot


@flow(root="contract", within=timedelta(hours=1), owner="delivery", each=BY_DAY)
def post_time(snapshot: Snapshot) -> Iterator[Decision]:
    """Rated by the work date as the terms are known now, then frozen."""
    view = ContractView.of(snapshot)
    yield from _unreadable(view)
    if view.exists and not is_signed(view.contract):
        for entry in open_entries(view):
            found = finding("PRE_CONTRACT_WORK", contract=view.contract.number)
            yield entry_hold([found], entry.id, part=_part(view, entry.id))
    if not view.ready:
        return
    if view.firm.hub_rates(view.contract.legal_entity):
        yield from _charges(view)
    for charge, found in changed_after_charge(view):
        yield entry_hold([found], charge.time_entry_id, amount=charge.amount, part=_part(view, charge.time_entry_id))
    yield from _marks(view)
    yield from _at_erp(view)


def _part(view: ContractView, entry_id: str) -> str | None:
    return view.entries[entry_id].record.part


def _unreadable(view: ContractView) -> Iterator[Decision]:
    for record, reason in view.entries.unreadable.items():
        if (part := view.entries.part_of(record)) is not None:
            yield hold(finding("RECORD_UNREADABLE", record=record, reason=reason), record, part=part)


def _marks(view: ContractView) -> Iterator[Decision]:
    """What the flows of the whole contract still have to do with these hours."""
    still_open = {entry.id for entry in open_entries(view)}
    for key, entry in view.entries.items():
        if entry.record.marks is not None and (OPEN in entry.record.marks) != (key in still_open):
            add, drop = ((OPEN,), ()) if key in still_open else ((), (OPEN,))
            yield Mark(kind="time_entry", id=key, add=add, drop=drop)
    for charge in view.charges.values():
        mark = [OUTDATED] if is_outdated(view, charge) else []
        yield from remark(charge, add=mark, drop={OUTDATED} - set(mark))


def _charges(view: ContractView) -> Iterator[Decision]:
    yield from withdrawn(view)
    for judged in judge(view):
        if judged.draw is not None:
            yield judged.draw
        if judged.charge is not None:
            yield _minted(judged.charge, _part(view, judged.entry.id))
            continue
        if not judged.findings:
            continue  # the limits answer within this planning
        part = _part(view, judged.entry.id)
        yield entry_hold(judged.findings, judged.entry.id, amount=judged.amount, part=part)
        if judged.entry.work_date > view.today:
            yield WakeAt(at=view.firm.midnight(view.contract.legal_entity, judged.entry.work_date), part=part)


def _minted(charge: TimeCharge, part: str | None) -> Movement:
    return Movement(
        kind="charge",
        key=charge.id,
        cause=f"charge:{charge.time_entry_id}",
        doc=plain(charge),
        amount=str(charge.amount.amount),
        currency=charge.amount.currency,
        part=part,
        marks=(UNBILLED,) if part is not None else (),
    )


def _at_erp(view: ContractView) -> Iterator[Decision]:
    """Every charge, for ever: the ERP ought to hold them all, but what another system has billed stays in its books.

    The fact is repeated until the ERP has the charge.
    """
    closed = billed_charges(invoice for invoice in view.live_invoices if view.booked_elsewhere(invoice.id))
    line_of = {element_at(view, line.id, ERP).key: line.id for line in view.contract.lines}
    for key, known in view.charges.items():
        charge, doc = known.value, known.record.doc
        target = charge_at_erp(view, key)
        if key in closed or (_is_booked(known.record) and view.replica(target) is None):
            continue
        line_id = line_of.get(charge.work_element_id)
        after = (element_at(view, line_id, ERP),) if line_id is not None else ()
        yield Desired(
            target=target, doc=doc, nature="movement", after=after, basis=known.record.version,
            part=known.record.part,
        )  # fmt: skip
        if not in_step(view, target, doc):
            event = restore(doc, ChargeMinted)
            yield establish(event, subject=f"time_entry:{charge.time_entry_id}", cause=f"charge.minted:{key}")


def _is_booked(charge: Record) -> bool:
    """On an invoice whose posting was ordered, in whatever system was the ERP then."""
    return charge.marks is not None and not charge.marks & {UNBILLED, INVOICED}

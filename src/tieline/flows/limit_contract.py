"""The cap that the papers state, as the limit that charges and releases draw from. A lowered cap takes nothing back (M3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from tieline.domain.holds import finding
from tieline.domain.names import billed_pool, cap_pool, order_pool
from tieline.domain.records import PurchaseOrder
from tieline.flows.caps import overdrawn
from tieline.flows.registry import Records, client_of_contract, flow
from tieline.flows.say import hold
from tieline.flows.view import ContractView
from tieline.kit.canonical import restore
from tieline.kit.money import Money, total
from tieline.ports.decisions import Counted, Decision, Hold, Limit, WakeAt
from tieline.ports.flows import PoolView, Ref, Snapshot

_CHARGED = (Counted(kind="charge", field="amount"),)
_INVOICED = (Counted(kind="invoice", field="net"), Counted(kind="invoice_withdrawal", field="net", sign=-1))


def _context(records: Records) -> Iterable[Ref]:
    yield from client_of_contract(records)
    for record in records.get("contract", {}).values():
        if isinstance(order := record.doc.get("purchase_order_id"), str):
            yield Ref(kind="purchase_order", id=order)


@flow(root="contract", within=timedelta(hours=4), owner="pmo", context=_context)
def limit_contract(snapshot: Snapshot) -> Iterator[Decision]:
    """Two figures of one cap: committed and billed."""
    view = ContractView.of(snapshot)
    if not view.ready:
        return
    pool = cap_pool(view.contract.id)
    cap = view.cap
    if cap is None and pool not in snapshot.pools:
        return
    amount = cap.amount if cap is not None else None
    unit, basis = view.contract.currency, view.version
    unreleased = total((i.net for i in view.live_invoices if not _released(view, i.id)), unit)
    yield Limit(pool=pool, unit=unit, total=amount, basis=basis, counts=_CHARGED)
    yield Limit(
        pool=billed_pool(pool), unit=unit, total=amount, basis=basis, counts=_INVOICED, opening=-unreleased.amount
    )
    yield from _turning_days(view)
    yield from lowered(f"The cap of contract {view.contract.number}", pool, snapshot)


@flow(root="purchase_order", within=timedelta(hours=4), owner="sales", context=lambda records: ())
def limit_purchase_order(snapshot: Snapshot) -> Iterator[Decision]:
    """What the client ordered, for all contracts that are billed on it."""
    for record in snapshot.records.get("purchase_order", {}).values():
        if record.lane != snapshot.lane:
            continue  # a contract that is billed on it reads it too
        order = restore(record.doc, PurchaseOrder)
        pool, unit = order_pool(order.id), order.amount.currency
        for name in (pool, billed_pool(pool)):
            yield Limit(pool=name, unit=unit, total=order.amount.amount, basis=record.version)
        yield from lowered(f"Purchase order {order.number}", pool, snapshot)


def lowered(what: str, pool: str, snapshot: Snapshot) -> Iterator[Hold]:
    """A limit below what was granted under it is a question to a person, never an edit."""
    for name, stage in ((pool, "committed"), (billed_pool(pool), "billed")):
        known = snapshot.pools.get(name)
        if known is not None and overdrawn(known):
            yield _lowered(what, known, stage)


def _lowered(what: str, pool: PoolView, stage: str) -> Hold:
    assert pool.total is not None, "only what has a limit is overdrawn"
    limit, used = Money(pool.total, pool.unit), Money(pool.granted, pool.unit)
    evidence = {"limit": str(pool.total), "used": str(pool.granted), "stage": stage}
    found = finding("CAP_BELOW_BILLED", limit=what, total=limit, used=used, stage=stage, evidence=evidence)
    return hold(found, pool.pool, amount=used - limit)


def _released(view: ContractView, invoice_id: str) -> bool:
    return bool(view.snapshot.approvals.get(f"invoice:{invoice_id}"))


def _turning_days(view: ContractView) -> Iterator[WakeAt]:
    """The days on which an amendment's cap begins or ends to hold."""
    for amendment in view.amendments.all:
        for day in (amendment.effective_from, amendment.effective_to):
            if amendment.cap is not None and day is not None and day > view.today:
                yield WakeAt(at=view.firm.midnight(view.contract.legal_entity, day))

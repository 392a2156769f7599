"""The limits that a contract's work counts against: its own cap and the client's purchase order. Every level must pass.

Each limit has two figures, each a pool of the engine: what is committed (charges) and what is billed (released invoices).
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from tieline.domain.documents import Invoice, TimeCharge
from tieline.domain.holds import Finding, finding
from tieline.domain.names import billed_pool, cap_pool, order_pool
from tieline.domain.records import TimeEntry
from tieline.flows.say import hold
from tieline.flows.targets import invoice_at_erp
from tieline.flows.view import ContractView
from tieline.kit.money import Money
from tieline.ports.decisions import Decision, Draw, Return
from tieline.ports.flows import DrawView, PoolView

ZERO = Decimal(0)


def pools_of(view: ContractView) -> tuple[str, ...]:
    """What a charge of the contract draws from, all of them together; none for a contract without limits."""
    contract = view.contract
    cap = (cap_pool(contract.id),) if view.cap is not None else ()
    order = (order_pool(contract.purchase_order_id),) if contract.purchase_order_id is not None else ()
    return (*cap, *order)


def order_findings(view: ContractView, entry: TimeEntry) -> Iterator[Finding]:
    """Why the purchase order may not be used for this work, whatever is left of it."""
    wanted = view.contract.purchase_order_id
    if wanted is None:
        return
    order = view.purchase_order
    if (reason := _unusable(view)) is not None:
        number = order.number if order is not None else wanted
        yield finding("PO_MISSING", contract=view.contract.number, purchase_order=number, reason=reason)
    elif order is not None and order.expires_on is not None and entry.work_date >= order.expires_on:
        yield finding(
            "PO_EXPIRED", work_date=entry.work_date, expires_on=order.expires_on, purchase_order=order.number,
            contract=view.contract.number,
        )  # fmt: skip


def charge_draw(view: ContractView, charge: TimeCharge, part: str | None) -> Draw | None:
    pools = pools_of(view)
    if not pools:
        return None
    return Draw(
        pools=pools, key=charge_key(charge.time_entry_id), amount=charge.amount.amount, unit=charge.amount.currency,
        work_on=charge.work_date, part=part,
    )  # fmt: skip


def charge_key(time_entry_id: str) -> str:
    return f"charge:{time_entry_id}"


def withdrawn(view: ContractView) -> Iterator[Return]:
    """Requests of hours that are not approved any more and were never charged."""
    charged = {charge.time_entry_id for charge in view.charges.all}
    for key, entry in view.entries.items():
        if entry.value.state != "approved" and key not in charged and charge_key(key) in view.snapshot.draws:
            yield Return(key=charge_key(key))


def shortage(view: ContractView, draw: Draw) -> Finding:
    """The limit that the waiting request does not fit into, with what is left of it."""
    asked = Money(draw.amount, draw.unit)
    rooms = [(_room(view, pool), pool) for pool in draw.pools]
    room, pool = min(rooms)  # where several are short, the shortest
    known = view.snapshot.pools.get(pool)
    what = "the invoice" if pool.endswith(billed_pool("")) else "the charge"
    limit = Money(known.total, draw.unit) if known is not None and known.total is not None else "no known limit"
    left = Money(max(room, ZERO), draw.unit)
    evidence = {
        "asked": str(draw.amount), "missing": str(draw.amount - max(room, ZERO)), "work_on": str(draw.work_on),
        "pools": {name: _figures(view.snapshot.pools.get(name)) for name in draw.pools},
    }  # fmt: skip
    order = view.purchase_order
    return finding(
        "NTE_EXCEEDED" if pool.startswith(cap_pool("")) else "PO_INSUFFICIENT", evidence=evidence, what=what, asked=asked,
        contract=view.contract.number, headroom=left, total=limit,
        purchase_order=order.number if order is not None else view.contract.purchase_order_id,
    )  # fmt: skip


def answer_to(view: ContractView, draw: Draw) -> DrawView | None:
    """What the pools said to exactly this request; None is not asked yet."""
    known = view.snapshot.draws.get(draw.key)
    same = known is not None and (known.wanted, set(known.pools)) == (draw.amount, set(draw.pools))
    return known if same else None


def release_draw(view: ContractView, invoice: Invoice) -> Draw | None:
    """A release takes its net from the billed figure of every limit, under the limits as they are then (M3)."""
    pools = tuple(billed_pool(pool) for pool in pools_of(view))
    if not pools:
        return None
    return Draw(
        pools=pools, key=invoice_key(invoice.id), amount=invoice.net.amount, unit=invoice.currency,
        work_on=invoice.invoice_date,
    )  # fmt: skip


def invoice_key(invoice_id: str) -> str:
    return f"invoice:{invoice_id}"


def release(view: ContractView, invoice: Invoice) -> Iterator[Decision]:
    """Asks for the release; says why it waits."""
    draw = release_draw(view, invoice)
    if draw is None or _released_before(view, invoice):
        return
    yield draw
    given = answer_to(view, draw)
    if given is not None and given.granted < draw.amount:
        found = shortage(view, draw)
        yield hold(found, f"invoice:{invoice.id}", amount=invoice.total, evidence=found.evidence)


def may_release(view: ContractView, invoice: Invoice) -> bool:
    draw = None if _released_before(view, invoice) else release_draw(view, invoice)
    given = answer_to(view, draw) if draw is not None else None
    return draw is None or (given is not None and given.granted >= draw.amount)


def _released_before(view: ContractView, invoice: Invoice) -> bool:
    """On its way since before there was a limit: it counts as used already."""
    draft = view.replica(invoice_at_erp(view, invoice.id))
    return draft is not None and draft.revision > 0 and invoice_key(invoice.id) not in view.snapshot.draws


def overdrawn(pool: PoolView | None) -> bool:
    return pool is not None and pool.total is not None and pool.granted > pool.total


def _unusable(view: ContractView) -> str | None:
    order = view.purchase_order
    if order is None:
        return "no record of it has arrived"
    if order.amount.currency != view.contract.currency:
        return f"it is in {order.amount.currency}, the contract in {view.contract.currency}"
    return None if order.client_id == view.contract.client_id else "it is another client's"


def _room(view: ContractView, pool: str) -> Decimal:
    known = view.snapshot.pools.get(pool)
    if known is None or known.total is None:
        return ZERO
    return known.total - known.granted


def _figures(pool: PoolView | None) -> dict[str, str | None]:
    if pool is None:
        return {}
    return {"limit": str(pool.total) if pool.total is not None else None, "used": str(pool.granted)}

"""How a contract's hours come in parts: a person's day is judged together, and an invoice is looked at until it is done.

What has a part is read only when it changed, or by its marks; a record without a part is read in every planning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tieline.domain import names
from tieline.domain.documents import Invoice, TimeCharge
from tieline.domain.invoicing import billed_charges
from tieline.flows.caps import pools_of
from tieline.flows.view import INVOICED, UNBILLED, ContractView, Known
from tieline.kit.canonical import Json, digest
from tieline.ports.decisions import Mark
from tieline.ports.flows import Each, Record, Ref, Snapshot

OPEN = "open"  # approved hours that are not charged
OUTDATED = "outdated"  # a charge that an amendment has repriced since
LIVE = "live"  # an invoice on its way
SERVED = "served"  # a request that has its invoice


def day_of(doc: Json) -> str:
    """Hours of one person and day: the 24 of a day, and which of two copies is charged, are judged among them."""
    fields = doc if isinstance(doc, dict) else {}
    return f"{fields.get('resource_id')}/{fields.get('work_date')}"


def charged_with(tenant: str, entry: Record) -> Iterable[Ref]:
    charge = names.charge_id(tenant, entry.id)
    return (Ref(kind="charge", id=charge), Ref(kind="time_charge", id=charge))


def terms_of_hours(snapshot: Snapshot) -> Json:
    """The contract, its amendments as known, which of them a person confirmed, and whether anything may be charged."""
    view = ContractView.of(snapshot)
    amendments = sorted(view.amendments.items())
    confirmed = [
        key
        for key, known in amendments
        if view.approval(f"amendment_terms:{key}", digest(known.record.doc).hex()) is not None
    ]
    return {
        "contracts": [known.record.doc for _, known in sorted(view.contracts.items())],
        "amendments": [[known.record.doc, str(known.record.recorded_at)] for _, known in amendments],
        "confirmed": confirmed,
        "orders": [known.record.doc for _, known in sorted(view.orders.items())],
        "limits": sorted(pools_of(view)) if view.exists else [],
        "ready": view.ready,
    }


BY_DAY = Each(kind="time_entry", part=day_of, beside=charged_with, terms=terms_of_hours)


def part_of_invoice(view: ContractView, invoice: Invoice) -> str | None:
    """An invoice over charges that have no part is, like them, looked at for ever."""
    charges = [view.charges.get(charge) for charge in billed_charges([invoice])]
    divided = all(known is not None and known.record.part is not None for known in charges)
    return f"invoice/{invoice.id}" if divided else None


def remark(known: Known[TimeCharge], *, add: Iterable[str] = (), drop: Iterable[str] = ()) -> Iterator[Mark]:
    """Changes the marks of a charge, where marks are kept and these are not so already."""
    marks = known.record.marks
    if marks is None:
        return
    fresh, over = tuple(sorted(set(add) - marks)), tuple(sorted(set(drop) & marks))
    if fresh or over:
        yield Mark(kind="charge", id=known.record.id, add=fresh, drop=over)


def taken_up(view: ContractView, invoice: Invoice) -> Iterator[Mark]:
    """The charges of an invoice are unbilled no more."""
    for charge in sorted(billed_charges([invoice])):
        if (known := view.charges.get(charge)) is not None and UNBILLED in (known.record.marks or ()):
            yield from remark(known, add=[INVOICED], drop=[UNBILLED])


def given_back(invoice: Invoice) -> Iterator[Mark]:
    """The charges of a withdrawn invoice are free again."""
    for charge in sorted(billed_charges([invoice])):
        yield Mark(kind="charge", id=charge, add=(UNBILLED,), drop=(INVOICED,))


def booked(invoice: Invoice) -> Iterator[Mark]:
    """The posting is ordered: from now on the charges stay in the books of that system."""
    for charge in sorted(billed_charges([invoice])):
        yield Mark(kind="charge", id=charge, drop=(INVOICED,))

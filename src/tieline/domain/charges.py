"""From approved hours to a charge: hours times the rate of the work date, rounded once (EX-0.1, EX-4.1)."""

from __future__ import annotations

from decimal import Decimal

from tieline.domain import names
from tieline.domain.documents import TimeCharge
from tieline.domain.rates import Term
from tieline.domain.records import Contract, TimeEntry
from tieline.kit.money import Money


def charge_amount(hours: Decimal, rate: Money) -> Money:
    """The only rounding point of a charge: the rate itself is never rounded."""
    return rate.times(hours).rounded()


def charge_of(tenant: str, contract: Contract, entry: TimeEntry, term: Term) -> TimeCharge:
    return TimeCharge(
        id=names.charge_id(tenant, entry.id),
        time_entry_id=entry.id,
        work_element_id=names.work_element_id(tenant, contract.id, entry.line_id),
        project_id=names.project_id(tenant, contract.id),
        legal_entity=contract.legal_entity,
        resource_id=entry.resource_id,
        work_date=entry.work_date,
        hours=entry.hours,
        rate=term.rate,
        amount=charge_amount(entry.hours, term.rate),
        narrative=entry.narrative,
    )

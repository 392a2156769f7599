"""The canonical records that sources own: what was signed, who the client is, what was worked, what was asked for.

Identifiers are derived from the source's own id with `kit.ids.stable_id`, so that a second delivery finds the first.
The kinds' names in the store: client_record, contract, amendment, time_entry, invoice_request, contract_approval,
purchase_order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from tieline.domain.documents import Address
from tieline.kit.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRecord:
    """The firm's customer as the CLM or CRM names it. Lane: `client:<id>`."""

    id: str
    name: str
    address: Address
    tax_registration: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractLine:
    id: str
    name: str
    service_line: str
    strategy: Literal["time_and_materials"]
    planned_hours: Decimal
    rate: Money  # per hour, up to six decimals, not rounded


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """One contract as signed (the base version); amendments are records of their own. Lane: `contract:<id>`.

    `total` is what the paper says; it must equal the sum of planned hours times rate, or the contract is held.
    """

    id: str
    number: str
    title: str
    client_id: str
    legal_entity: str
    currency: str
    tax_code: str
    starts_on: date
    ends_on: date | None
    state: Literal["draft", "in_approval", "signed", "terminated"]
    signed_at: datetime | None
    lines: tuple[ContractLine, ...]
    total: Money | None = None
    cap: Money | None = None  # not to exceed, before tax; an amendment may state another
    purchase_order_id: str | None = (
        None  # the client's order that this work is billed on; several contracts may share it
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RateChange:
    """A new hourly rate of one contract line from the amendment's effective date on."""

    line_id: str
    rate: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """Lane: `contract:<contract_id>`. Applied in order of `number`; a missing number parks the later ones (EX-4.0b)."""

    id: str
    contract_id: str
    number: int
    signed_at: datetime | None
    effective_from: date
    effective_to: date | None
    changes: tuple[RateChange, ...]
    cap: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseOrder:
    """A client's order: what it pays at most, before tax, for work before `expires_on`. Lane: `purchase_order:<id>`."""

    id: str
    number: str
    client_id: str
    amount: Money
    expires_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeEntry:
    """One worked and approved quantity. Lane: `contract:<contract_id>`."""

    id: str
    contract_id: str
    line_id: str
    resource_id: str
    work_date: date
    hours: Decimal
    state: Literal["submitted", "approved", "rejected"]
    approved_by: str | None = None
    approved_at: datetime | None = None
    narrative: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceRequest:
    """A person asks for an invoice of everything unbilled up to and including `through`. Lane: the contract's."""

    id: str
    contract_id: str
    through: date
    invoice_date: date
    requested_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractApproval:
    """An approval that comes from another system (CRM) where the firm's rules ask for one. Lane: the contract's."""

    id: str
    contract_id: str
    approved_by: str
    approved_at: datetime

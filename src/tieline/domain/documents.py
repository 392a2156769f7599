"""The canonical documents that systems are kept in step with. Money is {amount, currency}; dates are ISO dates.

They are what connectors map from and to; `tieline.sdk` re-exports them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from tieline.kit.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    street: str
    city: str
    postal_code: str
    country: str  # ISO 3166-1 alpha-2


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """The firm's customer as one legal entity of the firm trades with it."""

    id: str
    name: str
    legal_entity: str
    currency: str
    tax_code: str  # the firm's own word; connectors map it by configuration
    address: Address
    tax_registration: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    id: str
    contract_id: str
    client_id: str
    name: str
    legal_entity: str
    currency: str
    starts_on: date
    ends_on: date | None = None  # first day after the project


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkElement:
    """One element of the work breakdown, mapped to exactly one contract line."""

    id: str
    project_id: str
    name: str
    legal_entity: str
    service_line: str
    planned_hours: Decimal
    starts_on: date
    ends_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingRule:
    """The price at which a work element is billed from `valid_from` on. The biller never prices by itself."""

    id: str
    work_element_id: str
    project_id: str
    legal_entity: str
    strategy: str  # "time_and_materials"
    unit: str  # "hour"
    rate: Money
    valid_from: date


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeCharge:
    """One approved, rated time entry: a movement, never edited."""

    id: str
    time_entry_id: str
    work_element_id: str
    project_id: str
    legal_entity: str
    resource_id: str
    work_date: date
    hours: Decimal
    rate: Money
    amount: Money
    narrative: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceLine:
    position: int
    description: str
    quantity: Decimal
    unit_price: Decimal
    amount: Money
    charge_ids: tuple[str, ...]
    work_element_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """A frozen invoice: net is the sum of its rounded lines; tax is per (code, rate) on the summed base (EX-2.1, 2.2)."""

    id: str
    contract_id: str
    project_id: str
    client_id: str
    legal_entity: str
    currency: str
    invoice_date: date
    tax_code: str
    tax_rate: Decimal
    lines: tuple[InvoiceLine, ...]
    net: Money
    tax: Money
    total: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoicePosting:
    """The order to post an invoice whose unposted draft was read back equal."""

    id: str
    invoice_id: str
    legal_entity: str
    total: Money
    posting_date: date


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLine:
    """One line of a posted move, as the ERP's ledger shows it."""

    account: str
    debit: Money
    credit: Money

"""Who owns what in a firm that declares nothing else: sources own their records, the hub what it derives, the ERP its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from tieline.domain import documents, records
from tieline.domain.ownership import Declaration, Edge, Place

_CLM = {"client_record": records.ClientRecord, "contract": records.Contract, "amendment": records.Amendment}
_INBOX = {
    "time_entry": records.TimeEntry,
    "contract_approval": records.ContractApproval,
    "purchase_order": records.PurchaseOrder,
}
_PEOPLE = {"invoice_request": records.InvoiceRequest}
_HUB = {
    "client": documents.Client,
    "project": documents.Project,
    "work_element": documents.WorkElement,
    "billing_rule": documents.BillingRule,
    "time_charge": documents.TimeCharge,
    "invoice": documents.Invoice,
    "invoice_posting": documents.InvoicePosting,
}
_ERP = {
    "invoice": ("number", "posted_on"),
    "invoice_posting": ("number",),
    "ledger_line": ("account", "debit", "credit"),
}


def _all(entities: Mapping[str, type], role: str) -> list[Declaration]:
    return [Declaration(entity=name, field=f.name, role=role) for name, kind in entities.items() for f in fields(kind)]


DEFAULT_DECLARATIONS: tuple[Declaration, ...] = (
    *_all(_CLM, "clm"),
    *_all(_INBOX, "inbox"),
    *_all(_PEOPLE, "api"),
    *_all(_HUB, "hub"),
    *(Declaration(entity=entity, field=name, role="erp") for entity, names in _ERP.items() for name in names),
)

REQUIRED_FIELDS: Mapping[str, tuple[str, ...]] = {
    name: tuple(f.name for f in fields(kind)) for name, kind in {**_CLM, **_INBOX, **_PEOPLE, **_HUB}.items()
}

DEFAULT_EDGES: tuple[Edge, ...] = tuple(
    Edge(source=Place(*source), target=Place(*target, at="erp"))
    for source, target in (
        (("client_record", "name"), ("client", "name")),
        (("client_record", "address"), ("client", "address")),
        (("client_record", "tax_registration"), ("client", "tax_registration")),
        (("contract", "tax_code"), ("client", "tax_code")),
        (("contract", "title"), ("project", "name")),
        (("contract", "starts_on"), ("project", "starts_on")),
        (("contract", "ends_on"), ("project", "ends_on")),
        (("contract", "lines"), ("work_element", "planned_hours")),
        (("contract", "lines"), ("billing_rule", "rate")),
        (("amendment", "changes"), ("billing_rule", "rate")),
        (("time_entry", "hours"), ("time_charge", "hours")),
    )
)

"""Documents that the exam makes up: one complete chain from client to posting per case, each with ids of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from tieline import sdk
from tieline.conformance.target import SampleTerms
from tieline.domain.facts import InvoicePosted

ORDER = (
    "client", "project", "work_element", "billing_rule", "time_charge", "invoice", "invoice_posting", "invoice_notice",
)  # fmt: skip
DOCUMENTS: Mapping[str, type[Any]] = {
    "client": sdk.Client,
    "project": sdk.Project,
    "work_element": sdk.WorkElement,
    "billing_rule": sdk.BillingRule,
    "time_charge": sdk.TimeCharge,
    "invoice": sdk.Invoice,
    "invoice_posting": sdk.InvoicePosting,
    "invoice_notice": InvoicePosted,
}
_RATE, _HOURS = Decimal("150.00"), Decimal("8.00")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The documents of one case, by kind."""

    documents: Mapping[str, Any]

    def revised(self, kind: str) -> Any | None:
        """The same document as a later revision wants it; None for what never changes."""
        document = self.documents[kind]
        if kind in ("client", "project", "work_element"):
            return replace(document, name=f"{document.name} (revised)")
        if kind == "billing_rule":
            return replace(document, rate=sdk.Money(Decimal("165.00"), document.rate.currency))
        return None

    def unheard_of(self, kind: str) -> Any | None:
        """The same document with a word that no mapping knows."""
        document = self.documents[kind]
        return replace(document, tax_code="UNHEARD_OF") if kind in ("client", "invoice") else None


def key_of(doc: sdk.Json) -> str:
    """A document's own id; a notice, which has none, is known by the invoice that it tells of."""
    return str(doc["id"]) if "id" in doc else sdk.stable_id("ntc", "exam", doc["invoice_id"])


def chain(terms: SampleTerms, serial: str) -> Chain:
    """A year of work for one client, one day of it done and billed."""
    ids = {kind: sdk.stable_id(prefix, "exam", serial) for kind, prefix in _PREFIXES.items()}
    entity, currency = terms.legal_entity, terms.currency
    first = date(terms.day.year, 1, 1)
    after = date(terms.day.year + 1, 1, 1)
    documents: dict[str, Any] = {
        "client": _client(ids, terms, serial),
        "project": sdk.Project(
            id=ids["project"], contract_id=ids["contract"], client_id=ids["client"], name=f"Exam project {serial}",
            legal_entity=entity, currency=currency, starts_on=first, ends_on=after,
        ),
        "work_element": sdk.WorkElement(
            id=ids["work_element"], project_id=ids["project"], name=f"Exam work {serial}", legal_entity=entity,
            service_line=terms.service_line, planned_hours=Decimal("200.00"), starts_on=first,
            ends_on=after,
        ),
        "billing_rule": sdk.BillingRule(
            id=ids["billing_rule"], work_element_id=ids["work_element"], project_id=ids["project"], legal_entity=entity,
            strategy="time_and_materials", unit="hour", rate=sdk.Money(_RATE, currency), valid_from=first,
        ),
        "time_charge": sdk.TimeCharge(
            id=ids["time_charge"], time_entry_id=ids["time_entry"], work_element_id=ids["work_element"],
            project_id=ids["project"], legal_entity=entity, resource_id=terms.resource_id, work_date=terms.day,
            hours=_HOURS, rate=sdk.Money(_RATE, currency), amount=sdk.Money(_RATE * _HOURS, currency).rounded(),
            narrative="Exam: Ä ö 雪 'quoted' <b>",
        ),
        "invoice": _invoice(ids, terms),
    }  # fmt: skip
    documents["invoice_posting"] = sdk.InvoicePosting(
        id=ids["invoice_posting"], invoice_id=ids["invoice"], legal_entity=entity,
        total=documents["invoice"].total, posting_date=terms.day,
    )  # fmt: skip
    documents["invoice_notice"] = InvoicePosted(
        invoice_id=ids["invoice"], contract_id=ids["contract"], legal_entity=entity, total=documents["invoice"].total,
        system="exam", external_id="4711", number=f"2026/{serial}",
    )  # fmt: skip
    return Chain(documents=documents)


_PREFIXES = {
    "client": "cli", "contract": "con", "project": "prj", "work_element": "wbs", "billing_rule": "bil",
    "time_entry": "ten", "time_charge": "chg", "invoice": "inv", "invoice_posting": "pst",
}  # fmt: skip


def _client(ids: Mapping[str, str], terms: SampleTerms, serial: str) -> sdk.Client:
    address = sdk.Address(street="Ärzteweg 1", city="Köln", postal_code="50667", country=terms.country)
    return sdk.Client(
        id=ids["client"], name=f"Exam & Söhne {serial}", legal_entity=terms.legal_entity, currency=terms.currency,
        tax_code=terms.tax_code, address=address,
    )  # fmt: skip


def _invoice(ids: Mapping[str, str], terms: SampleTerms) -> sdk.Invoice:
    net = sdk.Money(_RATE * _HOURS, terms.currency).rounded()
    tax = net.times(Decimal(terms.tax_rate)).rounded()
    line = sdk.InvoiceLine(
        position=1, description="Exam work", quantity=_HOURS, unit_price=_RATE, amount=net,
        charge_ids=(ids["time_charge"],), work_element_id=ids["work_element"],
    )  # fmt: skip
    return sdk.Invoice(
        id=ids["invoice"], contract_id=ids["contract"], project_id=ids["project"], client_id=ids["client"],
        legal_entity=terms.legal_entity, currency=terms.currency, invoice_date=terms.day,
        tax_code=terms.tax_code, tax_rate=Decimal(terms.tax_rate), lines=(line,), net=net, tax=tax, total=net + tax,
    )  # fmt: skip

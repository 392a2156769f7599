"""One contract's documents as the engine would hand them over."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

from tieline import sdk

RATE = sdk.Money.of("185.25", "USD")


def client(id: str = "cli_1", name: str = "Contoso Ltd", **changed: Any) -> sdk.Client:
    address = sdk.Address(street="1 Main St", city="New York", postal_code="10001", country="US")
    fields = {"legal_entity": "US01", "currency": "USD", "tax_code": "STANDARD", "tax_registration": "US-99"}
    return sdk.Client(**{"id": id, "name": name, "address": address, **fields, **changed})


def project(**changed: Any) -> sdk.Project:
    fields: dict[str, Any] = {
        "id": "prj_1",
        "contract_id": "con_1",
        "client_id": "cli_1",
        "name": "SOW-1042 Data platform",
        "legal_entity": "US01",
        "currency": "USD",
        "starts_on": date(2026, 10, 1),
        "ends_on": date(2027, 4, 1),
    }
    return sdk.Project(**{**fields, **changed})


def work_element(id: str = "wbs_1", **changed: Any) -> sdk.WorkElement:
    fields: dict[str, Any] = {
        "id": id,
        "project_id": "prj_1",
        "name": "Data engineering",
        "legal_entity": "US01",
        "service_line": "DATA",
        "planned_hours": Decimal("120.00"),
        "starts_on": date(2026, 10, 1),
    }
    return sdk.WorkElement(**{**fields, **changed})


def billing_rule(rate: sdk.Money = RATE, **changed: Any) -> sdk.BillingRule:
    fields: dict[str, Any] = {
        "id": "bil_1",
        "work_element_id": "wbs_1",
        "project_id": "prj_1",
        "legal_entity": "US01",
        "strategy": "time_and_materials",
        "unit": "hour",
        "rate": rate,
        "valid_from": date(2026, 10, 1),
    }
    return sdk.BillingRule(**{**fields, **changed})


def time_charge(id: str = "chg_1", hours: str = "0.50", **changed: Any) -> sdk.TimeCharge:
    fields: dict[str, Any] = {
        "id": id,
        "time_entry_id": "te_1",
        "work_element_id": "wbs_1",
        "project_id": "prj_1",
        "legal_entity": "US01",
        "resource_id": "res_ada",
        "work_date": date(2026, 10, 8),
        "hours": Decimal(hours),
        "rate": RATE,
        "amount": RATE.times(Decimal(hours)).rounded(),
        "narrative": "Modelling",
    }
    return sdk.TimeCharge(**{**fields, **changed})


def invoice(
    id: str = "inv_1", lines: list[tuple[str, str]] | None = None, *, tax: str, total: str, **changed: Any
) -> sdk.Invoice:
    """`lines`: (hours, rate). The caller states tax and total, so that no test repeats the account's own sum."""
    pairs = lines or [("0.5", "185.25")] * 3
    currency = changed.get("currency", "USD")
    amounts = [sdk.Money.of(rate, currency).times(Decimal(hours)).rounded() for hours, rate in pairs]
    net = sum((amount.amount for amount in amounts), Decimal(0))
    fields: dict[str, Any] = {
        "id": id,
        "contract_id": "con_1",
        "project_id": "prj_1",
        "client_id": "cli_1",
        "legal_entity": "US01",
        "currency": currency,
        "invoice_date": date(2026, 10, 31),
        "tax_code": "STANDARD",
        "tax_rate": Decimal("0.20"),
        "lines": tuple(
            sdk.InvoiceLine(
                position=n,
                description=f"Data engineering {n}",
                quantity=Decimal(hours),
                unit_price=Decimal(rate),
                amount=amounts[n - 1],
                charge_ids=(f"chg_{n}",),
                work_element_id="wbs_1",
            )
            for n, (hours, rate) in enumerate(pairs, start=1)
        ),
        "net": sdk.Money(net, currency),
        "tax": sdk.Money.of(tax, currency),
        "total": sdk.Money.of(total, currency),
    }
    return sdk.Invoice(**{**fields, **changed})


def posting(of: sdk.Invoice) -> sdk.InvoicePosting:
    return sdk.InvoicePosting(
        id=f"pst_{of.id}",
        invoice_id=of.id,
        legal_entity=of.legal_entity,
        total=of.total,
        posting_date=of.invoice_date,
    )


_KINDS = {
    sdk.Client: "client",
    sdk.Project: "project",
    sdk.WorkElement: "work_element",
    sdk.BillingRule: "billing_rule",
    sdk.TimeCharge: "time_charge",
    sdk.Invoice: "invoice",
    sdk.InvoicePosting: "invoice_posting",
}


def envelope(
    document: Any, links: dict[str, sdk.ExternalRef] | None = None, ref: sdk.ExternalRef | None = None
) -> sdk.Envelope:
    return sdk.Envelope(
        kind=_KINDS[type(document)],
        document_key=document.id,
        doc=json.loads(json.dumps(sdk.plain(document))),  # as it comes from the store
        revision=1,
        key="00" * 16,
        marker=document.id,
        ref=ref,
        links=links or {},
        legal_entity=document.legal_entity,
    )

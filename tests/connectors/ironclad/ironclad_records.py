"""Records as Ironclad answers them, for the tests of the mapping."""

from __future__ import annotations

import copy
from typing import Any

from tieline import sdk

OVERLAY = {
    "legal_entity": {"DE01": "DE01", "US01": "US01"},
    "service_line": {"Data": "DATA", "Cloud": "CLOUD"},
    "tax_code": {"STANDARD": "STANDARD"},
}
_CONTRACT: dict[str, Any] = {
    "id": "7c0f6a52-0d3f-4f0e-9a55-0f5a6f1d2b01",
    "ironcladId": "IC-101",
    "type": "servicesAgreement",
    "name": "Data platform for Hanse Logistik",
    "lastUpdated": "2026-02-20T14:05:00.000Z",
    "properties": {
        "contractNumber": {"type": "string", "value": "NW-2026-001"},
        "counterpartyName": {"type": "string", "value": "Hanse Logistik GmbH"},
        "counterpartyAddress": {
            "type": "address",
            "value": {"lines": ["Hafenstraße 12"], "locality": "Hamburg", "postcode": "20457", "country": "DE"},
        },
        "counterpartyTaxRegistration": {"type": "string", "value": "DE123456788"},
        "legalEntity": {"type": "string", "value": "DE01"},
        "pricingModel": {"type": "string", "value": "Time and Materials"},
        "taxCode": {"type": "string", "value": "STANDARD"},
        "contractCurrency": {"type": "string", "value": "EUR"},
        "effectiveDate": {"type": "date", "value": "2026-03-01T00:00:00.000Z"},
        "expirationDate": {"type": "date", "value": "2026-12-31T00:00:00.000Z"},
        "agreementDate": {"type": "date", "value": "2026-02-20T14:05:00.000Z"},
        "contractValue": {"type": "monetary_amount", "value": {"amount": "46000", "currency": "EUR"}},
        "line1Name": {"type": "string", "value": "Data engineering"},
        "line1ServiceLine": {"type": "string", "value": "Data"},
        "line1PlannedHours": {"type": "number", "value": 200},
        "line1HourlyRate": {"type": "monetary_amount", "value": {"amount": 150, "currency": "EUR"}},
        "line2Name": {"type": "string", "value": "Cloud operations"},
        "line2ServiceLine": {"type": "string", "value": "Cloud"},
        "line2PlannedHours": {"type": "number", "value": 100},
        "line2HourlyRate": {"type": "monetary_amount", "value": {"amount": "160.123456", "currency": "EUR"}},
    },
    "contractStatus": {"status": "active", "enhancedStatus": "executed", "eventDate": "2026-02-20T14:05:00.000Z"},
    "attachments": {},
    "links": [],
    "childIds": [],
}
_AMENDMENT: dict[str, Any] = {
    "id": "2b9d1a0e-6f6e-4c8b-8a37-9d7a2c4e5f03",
    "ironcladId": "IC-103",
    "type": "servicesAmendment",
    "name": "Amendment 1 to NW-2026-001",
    "lastUpdated": "2026-04-10T08:00:00.000Z",
    "parentId": _CONTRACT["id"],
    "properties": {
        "amendmentNumber": {"type": "number", "value": 1},
        "effectiveDate": {"type": "date", "value": "2026-04-15T00:00:00.000Z"},
        "agreementDate": {"type": "date", "value": "2026-04-10T08:00:00.000Z"},
        "change1LineNumber": {"type": "number", "value": 1},
        "change1HourlyRate": {"type": "monetary_amount", "value": {"amount": 165, "currency": "EUR"}},
    },
    "contractStatus": {"status": "active"},
}


def contract(**values: Any) -> dict[str, Any]:
    """The signed contract with properties changed; None takes one away."""
    return _changed(_CONTRACT, values)


def amendment(**values: Any) -> dict[str, Any]:
    return _changed(_AMENDMENT, values)


def _changed(record: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    record = copy.deepcopy(record)
    for name, value in values.items():
        if value is None:
            del record["properties"][name]
        else:
            record["properties"].setdefault(name, {"type": "string"})["value"] = value
    return record


def item(record: dict[str, Any]) -> sdk.SourceItem:
    return sdk.SourceItem(
        topic="agreement", source_id=record["id"], source_version="2026-02-20T14:05:00.000000+00:00", body=record
    )

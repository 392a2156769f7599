"""Which record types and properties this company has set up, and what a property of each type may hold."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from tieline.kit.canonical import Json
from tieline.twins.ironclad.refusals import invalid

CONTRACT = "servicesAgreement"
AMENDMENT = "servicesAmendment"
RECORD_TYPES = {CONTRACT: "Services agreement", AMENDMENT: "Services amendment"}

_PLAIN = {
    "contractNumber": ("string", "Contract Number"),
    "counterpartyName": ("string", "Counterparty Name"),
    "counterpartyAddress": ("address", "Counterparty Address"),
    "counterpartyTaxRegistration": ("string", "Counterparty Tax Registration"),
    "legalEntity": ("string", "Legal Entity"),
    "pricingModel": ("string", "Pricing Model"),
    "taxCode": ("string", "Tax Code"),
    "contractCurrency": ("string", "Contract Currency"),
    "contractValue": ("monetary_amount", "Contract Value"),
    "notToExceed": ("monetary_amount", "Not To Exceed"),
    "purchaseOrder": ("string", "Purchase Order"),
    "effectiveDate": ("date", "Effective Date"),
    "expirationDate": ("date", "Expiration Date"),
    "agreementDate": ("date", "Agreement Date"),
    "terminationDate": ("date", "Termination Date"),
    "amendmentNumber": ("number", "Amendment Number"),
    "contractOwner": ("email", "Contract Owner"),
    "additionalNotes": ("string", "Additional Notes"),
    "integrationKey": ("string", "Integration Key"),
}
_PER_LINE = {
    "Name": ("string", "Name"),
    "ServiceLine": ("string", "Service Line"),
    "PlannedHours": ("number", "Planned Hours"),
    "HourlyRate": ("monetary_amount", "Hourly Rate"),
}
_PER_CHANGE = {"LineNumber": ("number", "Line Number"), "HourlyRate": ("monetary_amount", "Hourly Rate")}

PROPERTIES: dict[str, tuple[str, str]] = {
    **_PLAIN,
    **{f"line{n}{key}": (kind, f"Line {n} {label}") for n in range(1, 10) for key, (kind, label) in _PER_LINE.items()},
    **{
        f"change{n}{key}": (kind, f"Change {n} {label}")
        for n in range(1, 10)
        for key, (kind, label) in _PER_CHANGE.items()
    },
}


def metadata() -> Json:
    """GET /records/metadata."""
    return {
        "recordTypes": {key: {"displayName": label} for key, label in RECORD_TYPES.items()},
        "properties": {
            key: {"type": kind, "displayName": label, "visible": True} for key, (kind, label) in PROPERTIES.items()
        },
        "attachments": {"signedCopy": {"displayName": "Signed PDF"}},
        "links": {},
    }


def checked_type(name: Json) -> str:
    if name not in RECORD_TYPES:
        raise invalid("type", f"unknown record type {name}")
    return str(name)


def checked_properties(given: Json) -> dict[str, Json]:
    """The properties as given, or the first thing that is wrong with them in the vendor's words."""
    if not isinstance(given, dict):
        raise invalid("properties", "properties must be an object")
    for key, value in given.items():
        if key not in PROPERTIES:
            raise invalid(f"properties.{key}", f"unknown property {key}")
        kind = PROPERTIES[key][0]
        if not isinstance(value, dict) or value.get("type") != kind:
            raise invalid(f"properties.{key}.type", f"property {key} must have type {kind}")
        if not _VALID[kind](value.get("value")):
            raise invalid(f"properties.{key}.value", f"property {key} does not hold a valid {kind}")
    return given


def one_line(address: Json) -> str:
    """An address as the single text that Ironclad answers with unless objects are asked for."""
    place = " ".join(part for part in (address.get("region"), address.get("postcode")) if part)
    parts = [*address.get("lines", []), address.get("locality"), place, address.get("country")]
    return address.get("raw") or ", ".join(part for part in parts if part)


def _text(value: Json) -> bool:
    return isinstance(value, str) and value != ""


def _number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _date(value: Json) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _money(value: Json) -> bool:
    if not isinstance(value, dict) or set(value) != {"amount", "currency"}:
        return False
    return _number(value["amount"]) and re.fullmatch(r"[A-Z]{3}", str(value["currency"])) is not None


def _address(value: Json) -> bool:
    return isinstance(value, dict) and set(value) <= {"lines", "locality", "region", "postcode", "country", "raw"}


_VALID: dict[str, Callable[[Json], bool]] = {
    "string": _text,
    "number": _number,
    "date": _date,
    "email": lambda value: _text(value) and "@" in value,
    "monetary_amount": _money,
    "address": _address,
}

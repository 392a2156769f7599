"""The papers of the scenarios: agreements and amendments as the CLM's people draft them, hours as a time sheet has them.

Days are counted from a `today` that has begun in every zone of the firm; each contract has a client of its own unless two
are to share one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

Record = dict[str, Any]
Line = tuple[str, str, str, str]  # name, service line, planned hours, hourly rate
SENIOR: Line = ("Senior engineering", "DATA", "100", "200")
ADDRESSES = {
    "US01": {"lines": ["25 River Street"], "locality": "Hoboken", "region": "NJ", "postcode": "07030", "country": "US"},
    "DE01": {"lines": ["Hafenstraße 12"], "locality": "Hamburg", "postcode": "20457", "country": "DE"},
}
CURRENCIES = {"US01": "USD", "DE01": "EUR"}
NUMBERS = ("PlannedHours", "LineNumber", "amendmentNumber")
MONEY = ("HourlyRate", "contractValue")
DATES = ("Date",)


def today() -> date:
    """A day that has begun everywhere from Hoboken to Berlin."""
    return (datetime.now(UTC) - timedelta(hours=12)).date()


def day(offset: int) -> date:
    return today() + timedelta(days=offset)


def agreement(
    *, entity: str = "US01", lines: Sequence[Line] = (SENIOR,), client: str = "", tax: str = "STANDARD", **more: Any
) -> Record:
    """A complete agreement that only lacks its signature. `more` replaces properties; None leaves one out."""
    run, currency = uuid4().hex[:8], CURRENCIES.get(entity, "USD")
    values: dict[str, Any] = {
        "contractNumber": f"NW-{run}",
        "counterpartyName": client or f"Client {run}",
        "counterpartyAddress": ADDRESSES.get(entity, ADDRESSES["US01"]),
        "legalEntity": entity,
        "pricingModel": "Time and Materials",
        "taxCode": tax,
        "contractCurrency": currency,
        "effectiveDate": day(-60),
        "expirationDate": day(180),
        "contractValue": str(sum(Decimal(hours) * Decimal(rate) for _, _, hours, rate in lines)),
    }
    for number, line in enumerate(lines, start=1):
        for part, value in zip(("Name", "ServiceLine", "PlannedHours", "HourlyRate"), line, strict=True):
            values[f"line{number}{part}"] = value
    title = f"Agreement {run}"
    return {
        "id": str(uuid4()), "type": "servicesAgreement", "name": title,
        "properties": properties({**values, **more}, currency),
    }  # fmt: skip


def amendment(of: Record, number: int, rate: str, starts: int, *, line: int = 1, **more: Any) -> Record:
    """One line gets another rate from a day on; `starts` counts from today."""
    currency = of["properties"]["contractCurrency"]["value"]
    values = {
        "amendmentNumber": number, "effectiveDate": day(starts), "change1LineNumber": line, "change1HourlyRate": rate,
    }  # fmt: skip
    return {
        "id": str(uuid4()), "type": "servicesAmendment", "name": f"Amendment {number}", "parentId": of["id"],
        "parentLinkType": "amendment", "properties": properties({**values, **more}, currency),
    }  # fmt: skip


def properties(values: Record, currency: str = "USD") -> Record:
    """Plain values in the CLM's wrapping, which follows from a property's name. A whole number stands for a day's offset."""
    return {name: wrapped(name, value, currency) for name, value in values.items() if value is not None}


def wrapped(name: str, value: Any, currency: str) -> Record:
    if isinstance(value, dict) and "type" in value:
        return value
    if name.endswith(MONEY):
        figure, _, other = str(value).partition(" ")
        return {"type": "monetary_amount", "value": {"amount": number(figure), "currency": other or currency}}
    if name.endswith(NUMBERS):
        return {"type": "number", "value": number(str(value))}
    if name.endswith(DATES):
        found = day(value) if isinstance(value, int) else value
        return {"type": "date", "value": f"{found.isoformat()}T00:00:00.000Z"}
    if name == "counterpartyAddress":
        return {"type": "address", "value": value}
    return {"type": "string", "value": str(value)}


def number(text: str) -> int | float:
    """As a CLM's JSON has it; the hub reads the digits that were written."""
    exact = Decimal(text)
    return int(exact) if exact == exact.to_integral_value() else float(exact)


def contract_number(record: Record) -> str:
    return str(record["properties"]["contractNumber"]["value"])


def client_name(record: Record) -> str:
    return str(record["properties"]["counterpartyName"]["value"])

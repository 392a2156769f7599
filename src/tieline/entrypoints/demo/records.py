"""What is signed in the CLM: two contracts, one per legal entity, and an amendment; dates lie around today."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

Record = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The days of the story, all before or on `today` so that nothing in it waits for tomorrow."""

    today: date

    @property
    def start(self) -> date:
        return self.today - timedelta(days=21)

    @property
    def first_week(self) -> date:
        return self.today - timedelta(days=18)

    @property
    def new_rate_from(self) -> date:
        return self.today - timedelta(days=9)

    @property
    def second_week(self) -> date:
        return self.today - timedelta(days=4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Fresh ids every time: a second run over kept systems is a new contract, never the old one again."""

    german: Record
    american: Record
    amendment: Record


def story(days: Calendar) -> Story:
    run = uuid4().hex[:6].upper()
    german = contract(
        title="Data platform for Hanse Logistik",
        number=f"NW-{days.today.year}-{run}-1",
        legal_entity="DE01",
        currency="EUR",
        client=f"Hanse Logistik {run} GmbH",
        address={"lines": ["Hafenstraße 12"], "locality": "Hamburg", "postcode": "20457", "country": "DE"},
        lines=[("Data engineering", "DATA", 200, 150), ("Cloud operations", "CLOUD", 100, 160)],
        days=days,
    )
    american = contract(
        title="Cloud migration for Hudson Freight",
        number=f"NW-{days.today.year}-{run}-2",
        legal_entity="US01",
        currency="USD",
        client=f"Hudson Freight {run} Inc.",
        address={
            "lines": ["25 River Street"], "locality": "Hoboken", "region": "NJ", "postcode": "07030", "country": "US",
        },
        lines=[("Cloud migration", "CLOUD", 120, 175)],
        days=days,
    )  # fmt: skip
    return Story(german=german, american=american, amendment=amendment(german, days))


def contract(
    *,
    title: str,
    number: str,
    legal_entity: str,
    currency: str,
    client: str,
    address: Record,
    lines: list[tuple[str, str, int, int]],
    days: Calendar,
) -> Record:
    """An unsigned agreement in the CLM; signing gives it its agreement date."""
    value = sum(hours * rate for _, _, hours, rate in lines)
    properties = {
        "contractNumber": text(number),
        "counterpartyName": text(client),
        "counterpartyAddress": {"type": "address", "value": address},
        "legalEntity": text(legal_entity),
        "pricingModel": text("Time and Materials"),
        "taxCode": text("STANDARD"),
        "contractCurrency": text(currency),
        "effectiveDate": day(days.start),
        "expirationDate": day(days.today + timedelta(days=180)),
        "contractValue": amount(value, currency),
    }
    for position, (name, service_line, hours, rate) in enumerate(lines, start=1):
        properties[f"line{position}Name"] = text(name)
        properties[f"line{position}ServiceLine"] = text(service_line)
        properties[f"line{position}PlannedHours"] = {"type": "number", "value": hours}
        properties[f"line{position}HourlyRate"] = amount(rate, currency)
    return {"id": str(uuid4()), "type": "servicesAgreement", "name": title, "properties": properties}


def amendment(of: Record, days: Calendar) -> Record:
    """The first line becomes dearer from one week on."""
    properties = {
        "amendmentNumber": {"type": "number", "value": 1},
        "effectiveDate": day(days.new_rate_from),
        "change1LineNumber": {"type": "number", "value": 1},
        "change1HourlyRate": amount(165, "EUR"),
    }
    number = of["properties"]["contractNumber"]["value"]
    return {
        "id": str(uuid4()),
        "type": "servicesAmendment",
        "name": f"Amendment 1 to {number}",
        "parentId": of["id"],
        "parentLinkType": "amendment",
        "properties": properties,
    }


def text(value: str) -> Record:
    return {"type": "string", "value": value}


def day(value: date) -> Record:
    return {"type": "date", "value": f"{value.isoformat()}T00:00:00.000Z"}


def amount(value: int, currency: str) -> Record:
    return {"type": "monetary_amount", "value": {"amount": value, "currency": currency}}

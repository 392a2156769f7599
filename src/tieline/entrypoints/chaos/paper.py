"""What the firm's people do in one run, decided before it begins: contracts, amendments, hours, invoices. Seeded."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

from tieline.entrypoints.demo.checks import contract_id, line_id
from tieline.entrypoints.demo.records import Calendar, Record, amount, contract, day

LINES = (("Data engineering", "DATA"), ("Cloud operations", "CLOUD"))
WHO = ("res_dana", "res_eli")
HOURS = ("0.75", "1.5", "2.25", "3.1", "4.333", "5", "6.67", "7.5", "8")
HALF_A_CENT = (151, 163, 177, 185, 199)  # with thirds and hundredths of hours these need rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """One approved entry. `invoice` is the number of the invoice that must bill it: 0 or 1. No two have one `number`."""

    number: int
    line: int
    who: str
    on: date
    hours: str
    invoice: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A signed amendment: a new rate of one line from a day on."""

    number: int
    line: int
    rate: int
    since: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """One contract with everything that will be done under it."""

    record: Record
    client: str
    rates: tuple[int, ...]
    changes: tuple[Change, ...]
    hours: tuple[Hours, ...]
    through: tuple[date, date]
    amendments: tuple[Record, ...] = field(repr=False)

    @property
    def id(self) -> str:
        return contract_id(self.record)

    def line(self, number: int) -> str:
        return line_id(self.record, number)


def papers(count: int, seed: int, today: date, first: int = 0) -> list[Paper]:
    """`count` contracts, each two for one client. The same for the same seed but for the CLM's own ids.

    Names begin to count at `first`, so that several lots can lie in one CLM.
    """
    chance = random.Random(f"paper {seed}")
    days = Calendar(today=today)
    return [_paper(n, chance, days) for n in range(first, first + count)]


def unmapped(today: date) -> Record:
    """A contract with a service line that the firm does not sell: it must end as a refusal with reason and owner."""
    return _record(999, [120, 130], Calendar(today=today), lines=(("Divination", "XRAY"), LINES[1]))


def _paper(n: int, chance: random.Random, days: Calendar) -> Paper:
    rates = [chance.choice(HALF_A_CENT) for _ in LINES]
    record = _record(n, rates, days)
    changes = tuple(
        Change(number=number, line=1, rate=rates[0] + 7 * number, since=days.start + timedelta(days=6 * number))
        for number in range(1, n % 3 + 1)
    )
    middle = days.today - timedelta(days=8)
    hours = tuple(
        _hours(chance, days, middle, invoice, line, k) for invoice in (0, 1) for line in (1, 2) for k in (0, 1)
    )
    return Paper(
        record=record, client=_client(n), rates=tuple(rates), changes=changes, hours=hours, through=(middle, days.today),
        amendments=tuple(_amendment(record, change) for change in changes),
    )  # fmt: skip


def _client(n: int) -> str:
    return f"Chaos Client {n // 2} Inc."


def _hours(chance: random.Random, days: Calendar, middle: date, invoice: int, line: int, k: int) -> Hours:
    first, last = (days.start, middle) if invoice == 0 else (middle + timedelta(days=1), days.today)
    on = first + timedelta(days=chance.randrange((last - first).days + 1))
    return Hours(
        number=4 * invoice + 2 * line + k,
        line=line,
        who=chance.choice(WHO),
        on=on,
        hours=chance.choice(HOURS),
        invoice=invoice,
    )


def _record(n: int, rates: list[int], days: Calendar, lines: tuple[tuple[str, str], ...] = LINES) -> Record:
    address = {
        "lines": ["25 River Street"],
        "locality": "Hoboken",
        "region": "NJ",
        "postcode": "07030",
        "country": "US",
    }
    priced = [(name, code, 100, rate) for (name, code), rate in zip(lines, rates, strict=True)]
    return contract(
        title=f"Chaos contract {n}", number=f"K-{n}", legal_entity="US01", currency="USD", client=_client(n),
        address=address, lines=priced, days=days,
    )  # fmt: skip


def _amendment(of: Record, change: Change) -> Record:
    properties: dict[str, Any] = {
        "amendmentNumber": {"type": "number", "value": change.number},
        "effectiveDate": day(change.since),
        "change1LineNumber": {"type": "number", "value": change.line},
        "change1HourlyRate": amount(change.rate, "USD"),
    }
    return {
        "id": str(uuid4()), "type": "servicesAmendment", "name": f"Amendment {change.number}", "parentId": of["id"],
        "parentLinkType": "amendment", "properties": properties,
    }  # fmt: skip

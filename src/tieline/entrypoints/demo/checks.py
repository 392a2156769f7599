"""What the systems themselves must hold at the end: read by the witnesses, compared with the paper, never with the hub."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import Any

from tieline.entrypoints.demo.netsuite import NetSuiteWitness
from tieline.entrypoints.demo.records import Record
from tieline.entrypoints.demo.tryton import TrytonWitness
from tieline.entrypoints.rehearsal.checks import Ledger
from tieline.kit.ids import stable_id

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    what: str
    expected: str
    seen: str

    @property
    def ok(self) -> bool:
        return self.expected == self.seen

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "ok": self.ok}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the paper says of one contract: names, rates per hour by element, hours, and the invoice in the end."""

    client: str
    elements: dict[str, str]
    hours: str
    net: Decimal
    tax: Decimal

    @property
    def total(self) -> Decimal:
        return self.net + self.tax


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    checks: list[Check]
    external_ids: dict[str, str]
    ledger: list[dict[str, Any]]


def for_client(expected: Expected, name: str) -> Expected:
    return replace(expected, client=name)


def client_of(record: Record) -> str:
    return str(record["properties"]["counterpartyName"]["value"])


def contract_id(record: Record) -> str:
    """The hub's id of a contract is derived from the CLM's, so that a second delivery finds the first."""
    return stable_id("con", "ironclad", record["id"])


def line_id(record: Record, number: int) -> str:
    return stable_id("lin", "ironclad", record["id"], str(number))


def in_tryton(witness: TrytonWitness, expected: Expected, invoice_id: str) -> Findings:
    parties = witness.parties(expected.client)
    ids = {"client": str(parties[0]["id"])} if parties else {}
    checks = [Check(what="customers with this name", expected="1", seen=str(len(parties)))]
    trees = witness.project_tree(parties[0]["id"]) if parties else []
    checks.append(Check(what="projects of this customer", expected="1", seen=str(len(trees))))
    tasks = trees[0]["tasks"] if trees else []
    if trees:
        ids["project"] = str(trees[0]["id"])
    found = {task["name"]: plain(task["list_price"]) for task in tasks}
    checks.extend(rate_checks(found, len(tasks), expected))
    hours = sum((duration_hours(row["duration"]) for task in tasks for row in witness.hours_of(task["id"])), ZERO)
    checks.append(Check(what="hours on the project", expected=expected.hours, seen=plain(hours)))
    posted = witness.ledger(invoice_id)
    checks.extend(tryton_ledger_checks(posted, expected))
    if posted:
        ids["invoice"] = posted.number
    ledger = [tryton_move("DE01", invoice_id, posted)] if posted else []
    return Findings(checks=checks, external_ids=ids, ledger=ledger)


def rate_checks(found: dict[str, str], count: int, expected: Expected) -> Iterator[Check]:
    yield Check(what="elements of the work breakdown", expected=str(len(expected.elements)), seen=str(count))
    for name, rate in expected.elements.items():
        yield Check(what=f"rate of {name}", expected=rate, seen=found.get(name, "nothing"))


def tryton_ledger_checks(posted: Ledger | None, expected: Expected) -> Iterator[Check]:
    yield Check(what="invoice", expected="posted", seen=posted.state if posted else "not posted")
    yield Check(what="invoice total", expected=plain(expected.total), seen=plain(posted.total) if posted else "nothing")
    yield Check(what="ledger move balances", expected="yes", seen="yes" if posted and posted.balanced else "no")
    wanted = {plain(amount) for amount in (expected.total, expected.net, expected.tax)}
    fits = wanted == set(by_account(posted).values()) if posted else False
    yield Check(what="move shows receivable, revenue and tax", expected="yes", seen="yes" if fits else "no")


def by_account(posted: Ledger) -> dict[str, str]:
    """What each account of the move adds up to, whichever side it is on."""
    sums: dict[str, Decimal] = {}
    for account, debit, credit in posted.lines:
        sums[account] = sums.get(account, ZERO) + debit - credit
    return {account: plain(abs(amount)) for account, amount in sums.items()}


def in_netsuite(witness: NetSuiteWitness, expected: Expected) -> Findings:
    customers = witness.customer(expected.client)
    ids = {"client": customers[0]["id"]} if customers else {}
    checks = [Check(what="customers with this name", expected="1", seen=str(len(customers)))]
    projects = witness.projects(customers[0]["id"]) if customers else []
    checks.append(Check(what="projects of this customer", expected="1", seen=str(len(projects))))
    elements = witness.elements(projects[0]["id"]) if projects else []
    if projects:
        ids["project"] = projects[0]["id"]
    rates = {element["title"]: newest_rate(witness, element["id"]) for element in elements}
    checks.extend(rate_checks(rates, len(elements), expected))
    hours = sum((Decimal(row["hours"]) for element in elements for row in witness.hours(element["id"])), ZERO)
    checks.append(Check(what="hours on the project", expected=expected.hours, seen=plain(hours)))
    invoices = witness.invoices(customers[0]["id"]) if customers else []
    posted = [invoice for invoice in invoices if invoice.get("posting") == "T"]
    checks.append(Check(what="posted invoices", expected="1", seen=str(len(posted))))
    ledger = [netsuite_move(witness, invoice) for invoice in posted]
    seen_total = plain(Decimal(posted[0]["foreigntotal"])) if posted else "nothing"
    checks.append(Check(what="invoice total", expected=plain(expected.total), seen=seen_total))
    balanced = "yes" if ledger and all(move["balanced"] for move in ledger) else "no"
    checks.append(Check(what="ledger move balances", expected="yes", seen=balanced))
    if posted:
        ids["invoice"] = posted[0].get("tranid") or posted[0]["id"]
    return Findings(checks=checks, external_ids=ids, ledger=ledger)


def newest_rate(witness: NetSuiteWitness, element_id: str) -> str:
    rates = witness.rates(element_id)
    return plain(Decimal(rates[-1]["unitprice"])) if rates and "unitprice" in rates[-1] else "nothing"


def tryton_move(legal_entity: str, invoice_id: str, posted: Ledger) -> dict[str, Any]:
    lines = [
        {"account": account, "debit": plain(debit), "credit": plain(credit)} for account, debit, credit in posted.lines
    ]
    return move("tryton", legal_entity, invoice_id, posted.number, lines, balanced=posted.balanced)


def netsuite_move(witness: NetSuiteWitness, invoice: dict[str, str]) -> dict[str, Any]:
    rows = witness.ledger(invoice["id"])
    lines = [
        {name: row.get(name, "0") if name == "account" else plain(Decimal(row.get(name) or "0")) for name in LINE}
        for row in rows
    ]
    debit = sum((Decimal(line["debit"]) for line in lines), ZERO)
    credit = sum((Decimal(line["credit"]) for line in lines), ZERO)
    number = invoice.get("tranid") or invoice["id"]
    return move("netsuite", "US01", invoice.get("externalid", ""), number, lines, balanced=debit == credit > ZERO)


LINE = ("account", "debit", "credit")


def move(
    system: str, legal_entity: str, invoice_id: str, number: str, lines: list[dict[str, str]], *, balanced: bool
) -> dict[str, Any]:
    return {
        "system": system,
        "legal_entity": legal_entity,
        "invoice": invoice_id,
        "number": number,
        "balanced": balanced,
        "lines": lines,
    }


def plain(amount: Any) -> str:
    """Two decimals, so that 1200 and 1200.0000 read the same."""
    return f"{Decimal(str(amount)):.2f}"


def duration_hours(value: Any) -> Decimal:
    """Tryton tells durations as `8:00:00`, `1 day, 2:00:00`, or an object with seconds."""
    if isinstance(value, dict):
        return Decimal(str(value["seconds"])) / 3600
    days, _, clock = str(value).rpartition(", ")
    hours, minutes, seconds = clock.split(":")
    whole_days = Decimal(days.split()[0]) if days else ZERO
    return whole_days * 24 + Decimal(hours) + Decimal(minutes) / 60 + Decimal(seconds) / 3600

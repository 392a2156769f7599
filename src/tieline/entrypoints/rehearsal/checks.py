"""What the real ERP holds, read straight from it: the demo's own witness, independent of the connector.

A different road than the connector's on purpose: generic reads of whole records by name, summed here.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import httpx2

Record = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The posted move of one invoice."""

    number: str
    state: str
    total: Decimal
    lines: tuple[tuple[str, Decimal, Decimal], ...]  # account, debit, credit

    @property
    def balanced(self) -> bool:
        debit = sum((line[1] for line in self.lines), Decimal(0))
        credit = sum((line[2] for line in self.lines), Decimal(0))
        return debit == credit > 0


class Witness:
    """Reads one company of a Tryton database with a REST key."""

    def __init__(self, url: str, key: str, company: int, database: str = "erp") -> None:
        context = base64.urlsafe_b64encode(json.dumps({"company": company, "companies": [company]}).encode()).decode()
        headers = {"Authorization": f"Bearer {key}", "X-Tryton-Context": context, "Accept-Language": "en"}
        self._http = httpx2.Client(
            base_url=f"{url}/{database}/rest/model/", headers=headers, timeout=30, trust_env=False
        )
        self._company = company

    def close(self) -> None:
        self._http.close()

    def party(self, code: str) -> Record | None:
        return self._first("party.party", [["code", "=", code]], "name", "code", "addresses.city")

    def project_tree(self, party: int) -> list[Record]:
        """The projects of a party, each with its tasks: name, price, planned hours."""
        projects = self._read("project.work", [["type", "=", "project"], ["party", "=", party]], "name", "comment")
        fields = ("name", "list_price", "effort_duration", "comment")
        return [
            project | {"tasks": self._read("project.work", [["parent", "=", project["id"]]], *fields)}
            for project in projects
        ]

    def hours_of(self, task: int) -> list[Record]:
        origin = f"project.work,{task}"
        return self._read("timesheet.line", [["work.origin", "=", origin]], "date", "duration", "employee.rec_name")

    def invoices(self, party: int) -> list[Record]:
        fields = ("number", "reference", "state", "untaxed_amount", "tax_amount", "total_amount")
        return self._read("account.invoice", [["party", "=", party]], *fields)

    def ledger(self, reference: str) -> Ledger | None:
        """The books of the invoice with our reference; None while it is not posted."""
        posted = [["reference", "=", reference], ["state", "in", ["posted", "paid"]]]
        invoice = self._first("account.invoice", posted, "number", "state", "total_amount", "move.id")
        if invoice is None:
            return None
        rows = self._read(
            "account.move.line", [["move", "=", invoice["move"]["id"]]], "account.rec_name", "debit", "credit"
        )
        lines = ((row["account"]["rec_name"], row["debit"], row["credit"]) for row in rows)
        return Ledger(
            number=invoice["number"], state=invoice["state"], total=invoice["total_amount"], lines=tuple(lines)
        )

    def close_period(self, first_day: date) -> None:
        """What a controller does; needs the seed's `controller_key`. Tryton closes the period's journals with it."""
        self._press_period(first_day, "close")

    def reopen_period(self, first_day: date) -> None:
        period = self._press_period(first_day, "reopen")
        for journal in self._read("account.journal.period", [["period", "=", period], ["state", "=", "closed"]], "id"):
            self._http.post(f"account.journal.period/{journal['id']}/reopen", json={}).raise_for_status()

    def _press_period(self, first_day: date, button: str) -> int:
        starts = [["company", "=", self._company], ["type", "=", "standard"], ["start_date", "=", _day(first_day)]]
        period = int(self._read("account.period", starts, "state")[0]["id"])
        self._http.post(f"account.period/{period}/{button}", json={}).raise_for_status()
        return period

    def counts(self) -> dict[str, int]:
        """How many of each the company holds: what must not change when nothing should happen."""
        models = ("project.work", "timesheet.line", "account.invoice", "account.move")
        return {model: len(self._read(model, [["company", "=", self._company]], "id")) for model in models}

    def times(self, kind: str, marker: str) -> int:
        """How often a document with this mark exists; an invoice's mark and kind `invoice_posting` count ledger moves."""
        model, conditions = _MARKED[kind]
        domain = [[field, operator, pattern.format(marker), *more] for field, operator, pattern, *more in conditions]
        return len(self._read(model, domain, "id"))

    def _first(self, model: str, domain: list[Any], *fields: str) -> Record | None:
        rows = self._read(model, domain, *fields)
        return rows[0] if rows else None

    def _read(self, model: str, domain: list[Any], *fields: str) -> list[Record]:
        packed = base64.urlsafe_b64encode(json.dumps(domain).encode()).decode()
        answer = self._http.get(model, params=[("d", packed), *(("f", name) for name in fields)])
        answer.raise_for_status()
        return list(answer.json(object_hook=_untagged))


_MARKED: dict[str, tuple[str, list[tuple[str, ...]]]] = {
    "client": ("party.party", [("code", "=", "{}")]),
    "project": ("project.work", [("type", "=", "project"), ("comment", "like", "%{}%")]),
    "work_element": ("project.work", [("type", "=", "task"), ("comment", "like", "%{}%")]),
    "billing_rule": ("project.work", [("type", "=", "task"), ("comment", "like", "%[{}]%")]),
    "time_charge": ("timesheet.line", [("description", "like", "%{}%")]),
    "invoice": ("account.invoice", [("reference", "=", "{}")]),
    "invoice_posting": ("account.move", [("origin.reference", "=", "{}", "account.invoice")]),
}


def _day(day: date) -> Record:
    return {"__class__": "date", "year": day.year, "month": day.month, "day": day.day}


def _untagged(value: Record) -> Any:
    match value.get("__class__"):
        case "Decimal":
            return Decimal(value["decimal"])
        case "date":
            return date(value["year"], value["month"], value["day"])
        case "timedelta":
            return timedelta(seconds=value["seconds"])
        case _:
            return value

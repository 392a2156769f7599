"""Projects, their work breakdown and its rates: one tree of `project.work`, our id as first line of the comment."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from tieline import sdk
from tieline.connectors.tryton.books import Books, linked, only_one
from tieline.connectors.tryton.mapping import (
    Row,
    from_project,
    from_work_element,
    same_rate,
    to_project,
    to_work_element,
)
from tieline.connectors.tryton.rates import DatedRate, latest, list_price, read_comment, with_rate
from tieline.connectors.tryton.wire import like

WORK = "project.work"
FIELDS = (
    "company.id", "company.currency.code", "name", "comment", "party.id", "parent.id", "product.id", "list_price",
    "effort_duration", "timesheet_start_date", "timesheet_end_date", "timesheet_works.id",
)  # fmt: skip


class Works(Books, sdk.WritesProjects, sdk.WritesWorkElements, sdk.WritesBillingRules):
    async def put_project(self, envelope: sdk.Envelope) -> sdk.ExternalRef:
        company = self.company(envelope)
        party = linked(envelope, f"client/{envelope.doc['client_id']}")
        values = from_project(envelope.doc, envelope.marker, company, party)
        row = await self._known_work(company.id, envelope)
        if row is None:
            return _ref(await self.wire.create(company.id, WORK, values, FIELDS))
        changes = {"name": values["name"], "party": party}
        return _ref(await self.wire.write(company.id, WORK, row["id"], changes, FIELDS))

    async def find_project(self, envelope: sdk.Envelope) -> sdk.ExternalRef | None:
        return await self._find_work(envelope)

    async def read_project(self, envelopes: Sequence[sdk.Envelope]) -> Sequence[sdk.Observed | None]:
        def doc(row: Row, envelope: sdk.Envelope) -> Row:
            return to_project(row, envelope.doc["legal_entity"])

        return await self.read_all(WORK, FIELDS, envelopes, doc)

    async def put_work_element(self, envelope: sdk.Envelope) -> sdk.ExternalRef:
        company = self.company(envelope)
        project = linked(envelope, f"project/{envelope.doc['project_id']}")
        values = from_work_element(envelope.doc, company)
        row = await self._known_work(company.id, envelope)
        if row is not None:
            return _ref(await self.wire.write(company.id, WORK, row["id"], values, FIELDS))
        values |= {"type": "task", "company": company.id, "parent": project, "comment": envelope.marker}
        return _ref(await self.wire.create(company.id, WORK, values, FIELDS))

    async def find_work_element(self, envelope: sdk.Envelope) -> sdk.ExternalRef | None:
        return await self._find_work(envelope)

    async def read_work_element(self, envelopes: Sequence[sdk.Envelope]) -> Sequence[sdk.Observed | None]:
        def doc(row: Row, envelope: sdk.Envelope) -> Row:
            return to_work_element(row, envelope.doc, self.company(envelope))

        return await self.read_all(WORK, FIELDS, envelopes, doc)

    async def put_billing_rule(self, envelope: sdk.Envelope) -> sdk.ExternalRef:
        company, rule = self.company(envelope), envelope.doc
        task = linked(envelope, f"work_element/{rule['work_element_id']}")
        found = await self.wire.by_ids(company.id, WORK, [task], FIELDS)
        if task not in found:
            raise sdk.Conflict("The task that the rate belongs to is gone from Tryton; it is looked up again.")
        comment = with_rate(found[task]["comment"], _dated(envelope, company.currency))
        changes = {"comment": comment, "list_price": list_price(comment)}
        return _ref(await self.wire.write(company.id, WORK, task, changes, FIELDS))

    async def find_billing_rule(self, envelope: sdk.Envelope) -> sdk.ExternalRef | None:
        company = self.company(envelope)
        pattern = f"%[{like(envelope.marker)}]%"
        rows = await self.marked(company.id, WORK, [["company", "=", company.id], ["comment", "like", pattern]], FIELDS)
        row = only_one(rows, envelope.marker, "tasks")
        return None if row is None else _ref(row)

    async def read_billing_rule(self, envelopes: Sequence[sdk.Envelope]) -> Sequence[sdk.Observed | None]:
        seen = await self.read_all(WORK, FIELDS, envelopes, rule_seen)
        return [None if item is None or not item.doc else item for item in seen]

    async def _known_work(self, company: int, envelope: sdk.Envelope) -> Row | None:
        """Look before create: Tryton takes no id of ours that it would keep unique."""
        if envelope.ref is not None:
            record = int(envelope.ref.id)
            known = await self.wire.by_ids(company, WORK, [record], FIELDS)
            if record in known:
                return known[record]
        return await self._marked_work(company, envelope.marker)

    async def _marked_work(self, company: int, marker: str) -> Row | None:
        domain = [["company", "=", company], ["comment", "like", like(marker) + "%"]]
        rows = await self.marked(company, WORK, domain, FIELDS)
        return only_one([row for row in rows if read_comment(row["comment"])[0] == marker], marker, "works")

    async def _find_work(self, envelope: sdk.Envelope) -> sdk.ExternalRef | None:
        row = await self._marked_work(self.company(envelope).id, envelope.marker)
        return None if row is None else _ref(row)


def _ref(work: Row) -> sdk.ExternalRef:
    timesheets = work["timesheet_works"] or []
    return sdk.ExternalRef(id=str(work["id"]), extra={"timesheet_work": str(timesheets[0]["id"])} if timesheets else {})


def _dated(envelope: sdk.Envelope, company_currency: str) -> DatedRate:
    rule = envelope.doc
    if rule["rate"]["currency"] != company_currency:
        raise sdk.Blocked(
            f"Tryton keeps this legal entity's rates in {company_currency}, the contract's rate is in "
            f"{rule['rate']['currency']}: correct the contract's currency or its legal entity.",
            code="CURRENCY_NOT_CARRIED",
        )
    return DatedRate(
        rule=envelope.marker,
        amount=rule["rate"]["amount"],
        currency=rule["rate"]["currency"],
        unit=rule["unit"],
        since=rule["valid_from"],
    )


def rule_seen(row: Row, envelope: sdk.Envelope) -> Row:
    """The list price for the rate that counts, its own line for one that a later rate has replaced; {} if unknown."""
    rates = read_comment(row["comment"])[1]
    own = next((rate for rate in rates if rate.rule == envelope.marker), None)
    if own is None:
        return {}
    price = Decimal(own.amount) if latest(rates) != own else row["list_price"] or Decimal(0)
    return {
        "legal_entity": envelope.doc["legal_entity"],
        "unit": own.unit,
        "rate": same_rate(price, own.currency, envelope.doc["rate"]),
        "valid_from": own.since,
    }

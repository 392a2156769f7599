"""Approved, rated time becomes timesheet lines: movements, written once and never changed. Our id opens the description."""

from __future__ import annotations

from collections.abc import Sequence

from tieline import sdk
from tieline.connectors.tryton.books import Books, linked, only_one
from tieline.connectors.tryton.mapping import Row, from_time_charge, missing, to_time_charge
from tieline.connectors.tryton.settings import CompanySettings
from tieline.connectors.tryton.wire import like

LINE = "timesheet.line"
FIELDS = ("company.id", "date", "duration", "description", "work.id", "employee.id", "employee.party.code")


class Charges(Books, sdk.WritesTimeCharges):
    async def put_time_charge(self, envelope: sdk.Envelope) -> sdk.ExternalRef:
        company, charge = self.company(envelope), envelope.doc
        row = await self._marked_line(company.id, envelope.marker)
        if row is not None:
            return sdk.ExternalRef(id=str(row["id"]))
        employee = await self._employee(company, charge["resource_id"], charge["legal_entity"])
        work = await self._timesheet_work(company.id, envelope)
        values = from_time_charge(charge, envelope.marker, company.id, employee, work)
        row = await self.wire.create(company.id, LINE, values, FIELDS)
        return sdk.ExternalRef(id=str(row["id"]))

    async def find_time_charge(self, envelope: sdk.Envelope) -> sdk.ExternalRef | None:
        row = await self._marked_line(self.company(envelope).id, envelope.marker)
        return None if row is None else sdk.ExternalRef(id=str(row["id"]))

    async def read_time_charge(self, envelopes: Sequence[sdk.Envelope]) -> Sequence[sdk.Observed | None]:
        def doc(row: Row, envelope: sdk.Envelope) -> Row:
            return to_time_charge(row, envelope.doc, self.company(envelope))

        return await self.read_all(LINE, FIELDS, envelopes, doc)

    async def _marked_line(self, company: int, marker: str) -> Row | None:
        domain = [["company", "=", company], ["description", "like", like(marker) + "%"]]
        rows = await self.marked(company, LINE, domain, FIELDS)
        return only_one([row for row in rows if row["description"].split(" ")[0] == marker], marker, "timesheet lines")

    async def _employee(self, company: CompanySettings, resource: str, legal_entity: str) -> int:
        if resource in company.employees:
            return company.employees[resource]
        domain = [["company", "=", company.id], ["party.code", "=", resource]]
        rows = await self.wire.search(company.id, "company.employee", domain, ["company.id"], 1)
        if not rows:
            raise missing("employee", f"resource {resource}", f"companies.{legal_entity}.employees")
        return int(rows[0]["id"])

    async def _timesheet_work(self, company: int, envelope: sdk.Envelope) -> int:
        """Time is booked on the task's timesheet work, another record than the task."""
        name = f"work_element/{envelope.doc['work_element_id']}"
        task = linked(envelope, name)
        if known := envelope.links[name].extra.get("timesheet_work"):
            return int(known)
        found = await self.wire.by_ids(company, "project.work", [task], ["company.id", "timesheet_works.id"])
        if task not in found or not found[task]["timesheet_works"]:
            raise sdk.Blocked(
                "The task in Tryton is not open for time: switch on “Available on timesheets” for it in Tryton.",
                code="TASK_NOT_OPEN",
            )
        return int(found[task]["timesheet_works"][0]["id"])

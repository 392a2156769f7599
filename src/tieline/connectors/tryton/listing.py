"""What Tryton holds of a kind, company after company, behind the last id: rows may come and go while it is read.

Tryton keeps a write date but no deletions, so a listing of what changed narrows and a whole one judges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC

from tieline import sdk
from tieline.connectors.tryton import charges, clients, invoices, works
from tieline.connectors.tryton.books import Books
from tieline.connectors.tryton.mapping import Row, to_invoice, to_project, to_time_charge, to_work_element
from tieline.connectors.tryton.rates import read_comment
from tieline.connectors.tryton.settings import CompanySettings
from tieline.connectors.tryton.wire import Domain, like

PAGE_ROWS = 100
STATED = ("create_date", "write_date")


@dataclass(frozen=True, slots=True)
class Population:
    """One kind: the model, what to read, the marks that a row bears, and how a mark is searched."""

    model: str
    fields: Sequence[str]
    domain: Callable[[int], Domain]
    marks: Callable[[Row], list[str]]
    bearing: Callable[[str], Domain]
    seen: Callable[[Row, sdk.Envelope, CompanySettings], Row]


def _company(company: int) -> Domain:
    return [["company", "=", company]]


def _party_marks(row: Row) -> list[str]:
    codes = [row["code"] or "", *(identifier["code"] or "" for identifier in row["identifiers"] or ())]
    return [code for code in codes if code.startswith("cli_")]


def _work_marks(kind: str) -> Callable[[Row], list[str]]:
    """Projects and tasks are one model: a project has a party and no parent."""

    def marks(row: Row) -> list[str]:
        is_project = row["parent"] is None
        return [read_comment(row["comment"])[0]] if is_project == (kind == "project") and row["comment"] else []

    return marks


POPULATIONS = {
    "client": Population(
        clients.PARTY, clients.FIELDS, lambda company: [], _party_marks,
        lambda marker: ["OR", ["code", "=", marker], ["identifiers.code", "=", marker]],
        lambda row, envelope, company: clients.client_seen(row, envelope),
    ),
    "project": Population(
        works.WORK, works.FIELDS, _company, _work_marks("project"), lambda marker: ["comment", "like", like(marker) + "%"],
        lambda row, envelope, company: to_project(row, envelope.legal_entity),
    ),
    "work_element": Population(
        works.WORK, works.FIELDS, _company, _work_marks("task"), lambda marker: ["comment", "like", like(marker) + "%"],
        lambda row, envelope, company: to_work_element(row, envelope.doc, company),
    ),
    "billing_rule": Population(
        works.WORK, works.FIELDS, _company, lambda row: [rate.rule for rate in read_comment(row["comment"])[1]],
        lambda marker: ["comment", "like", f"%[{like(marker)}]%"],
        lambda row, envelope, company: works.rule_seen(row, envelope),
    ),
    "time_charge": Population(
        charges.LINE, charges.FIELDS, _company, lambda row: (row["description"] or "").split(" ")[:1],
        lambda marker: ["description", "like", like(marker) + "%"],
        lambda row, envelope, company: to_time_charge(row, envelope.doc, company),
    ),
    "invoice": Population(
        invoices.INVOICE, invoices.FIELDS,
        lambda company: [["company", "=", company], ["type", "=", "out"], ["state", "!=", "cancelled"]],
        lambda row: [row["reference"]] if row["reference"] else [], lambda marker: ["reference", "=", marker],
        lambda row, envelope, company: to_invoice(row, envelope.legal_entity),
    ),
}  # fmt: skip


class Lists(Books, sdk.ListsDocuments):
    """The token is `company/last id`; a client is a party, which companies share."""

    listed_kinds = tuple(POPULATIONS)

    async def list_documents(self, kind: str, order: sdk.ListOrder) -> sdk.Listing:
        companies = self._companies(kind)
        if order.markers:
            return await self._bearing(kind, order.markers, companies)
        company, last = map(int, (order.token or f"{companies[0]}/0").split("/"))
        population = POPULATIONS[kind]
        domain: Domain = [*population.domain(company), ["id", ">", last], *_changed(order)]
        rows = await self.wire.search(company, population.model, domain, (*population.fields, *STATED), PAGE_ROWS)
        following = companies[companies.index(company) + 1 :]
        elsewhere = f"{following[0]}/0" if following else None
        token = f"{company}/{rows[-1]['id']}" if len(rows) == PAGE_ROWS else elsewhere
        return sdk.Listing(rows=tuple(_documents(population, company, rows)), token=token)

    async def _bearing(self, kind: str, markers: Sequence[str], companies: Sequence[int]) -> sdk.Listing:
        population, found = POPULATIONS[kind], []
        for company in companies:
            for start in range(0, len(markers), PAGE_ROWS):
                wanted = ["OR", *(population.bearing(marker) for marker in markers[start : start + PAGE_ROWS])]
                domain: Domain = [*population.domain(company), wanted]
                fields = (*population.fields, *STATED)
                rows = await self.wire.search(company, population.model, domain, fields, 1000)
                found += [each for each in _documents(population, company, rows) if each.marker in markers]
        return sdk.Listing(rows=tuple(found))

    def listed(self, kind: str, found: sdk.Listed, ours: sdk.Json) -> sdk.Observed:
        """With the functions of reading back; what nobody planned is told by its place alone."""
        if not ours:
            return sdk.Observed(doc={}, ref=found.ref)
        entity = self._legal_entity(found.row["_company"], ours["legal_entity"])
        envelope = sdk.Envelope(
            kind=kind, document_key=found.marker, doc={**ours, "legal_entity": entity}, revision=0, key="",
            marker=found.marker, ref=found.ref, legal_entity=entity,
        )  # fmt: skip
        return sdk.Observed(doc=POPULATIONS[kind].seen(found.row, envelope, self.company_of(entity)), ref=found.ref)

    def _companies(self, kind: str) -> list[int]:
        companies = sorted({company.id for company in self.settings.companies.values()})
        return companies[:1] if kind == "client" else companies

    def _legal_entity(self, company: int, ours: str) -> str:
        """Of the company that the row was met in; a party belongs to none, and keeps ours."""
        known = {each.id: name for name, each in self.settings.companies.items()}
        return ours if company == 0 else known.get(company, ours)


def _documents(population: Population, company: int, rows: Sequence[Row]) -> Iterator[sdk.Listed]:
    place = 0 if population.model == clients.PARTY else company
    for row in rows:
        for mark in population.marks(row):
            changed = row.get("write_date") or row.get("create_date")
            yield sdk.Listed(
                marker=mark, ref=sdk.ExternalRef(id=str(row["id"])), row={**row, "_company": place},
                changed_at=str(changed) if changed else None,
            )  # fmt: skip


def _changed(order: sdk.ListOrder) -> Domain:
    """Tryton's dates are UTC and without a zone; what was never changed counts from its creation."""
    if order.changed_since is None:
        return []
    since = order.changed_since.astimezone(UTC).replace(tzinfo=None)
    return [["OR", ["write_date", ">=", since], [["write_date", "=", None], ["create_date", ">=", since]]]]

"""What the account holds, a page at a time: SuiteQL behind the last internal id, so that no page shifts under the reader.

Never by offset: NetSuite answers no more than 100,000 rows of one query, and a stretch of ids can be read beside another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Any, ClassVar

from tieline import sdk
from tieline.connectors.netsuite import mapping as m
from tieline.connectors.netsuite import queries
from tieline.connectors.netsuite.settings import NetSuiteSettings, Tables
from tieline.connectors.netsuite.wire import PAGE_ROWS, Row, Wire

# `lastmodifieddate` is compared by day and in the account's own zone: a day earlier repeats rows and misses none.
_ZONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Population:
    """One kind: its rows and how they read. One document may have several rows, which follow each other."""

    part: queries.Part
    query: Callable[[str, NetSuiteSettings], str]
    told: Callable[[Sequence[Row], Tables, m.Doc], m.Fields]
    page: int = PAGE_ROWS  # documents that a page of rows takes


POPULATIONS: Mapping[str, Population] = {
    "client": Population(
        queries.CUSTOMER, lambda which, s: queries.clients(which), lambda rows, t, ours: m.to_client(rows[-1], t)
    ),
    "project": Population(
        queries.JOB, lambda which, s: queries.projects(which), lambda rows, t, ours: m.to_project(rows[-1], t)
    ),
    "work_element": Population(
        queries.TASK,
        lambda which, s: queries.work_elements(which, s.billing_resource),
        lambda rows, t, ours: m.to_work_element(rows[-1], t, ours),
    ),
    "billing_rule": Population(
        queries.SCHEDULE,
        lambda which, s: queries.billing_rules(which, s.billing_resource),
        lambda rows, t, ours: m.to_billing_rule(rows[-1], t, ours),
    ),
    "time_charge": Population(
        queries.TIME,
        lambda which, s: queries.time_charges(which),
        lambda rows, t, ours: m.to_time_charge(rows[-1], t, ours),
    ),
    "invoice": Population(
        queries.TRANSACTION,
        lambda which, s: queries.invoices(which),
        lambda rows, t, ours: m.to_invoice(rows, t, ours),
        page=PAGE_ROWS // 5,  # a row for the whole, for each line, for each tax
    ),
}


class Lists(sdk.ListsDocuments):
    """The listing half of the connector. A posting is no document of its own here: it shows in its invoice."""

    listed_kinds = tuple(POPULATIONS)
    page_documents: ClassVar[Mapping[str, int]] = {kind: each.page for kind, each in POPULATIONS.items()}
    settings: NetSuiteSettings
    _wire: Wire
    _tables: Tables

    async def list_documents(self, kind: str, order: sdk.ListOrder) -> sdk.Listing:
        population = POPULATIONS[kind]
        if order.markers:
            rows = await self._wire.rows(population.query(population.part.of(order.markers), self.settings))
            return sdk.Listing(rows=tuple(_documents(rows)))
        since = (order.changed_since - _ZONE_DAY).date().isoformat() if order.changed_since else None
        which = population.part.after(int(order.token or 0), int(order.until) if order.until else None, since)
        rows, more = await self._wire.page(population.query(which, self.settings))
        if more:
            rows = await self._whole(population, rows)
        return sdk.Listing(rows=tuple(_documents(rows)), token=str(rows[-1]["id"]) if more else None)

    def listed(self, kind: str, found: sdk.Listed, ours: sdk.Json) -> sdk.Observed:
        return sdk.Observed(doc=POPULATIONS[kind].told(found.row, self._tables, ours), ref=found.ref)

    async def _whole(self, population: Population, rows: list[Row]) -> list[Row]:
        """The page without its last document, whose rows may go on; if that is all there is, that document whole."""
        last = rows[-1]
        complete = [row for row in rows if row["id"] != last["id"]]
        if complete:
            return complete
        return await self._wire.rows(population.query(population.part.of([last["externalid"]]), self.settings))


def _documents(rows: Sequence[Row]) -> list[sdk.Listed]:
    return [_document(list(each)) for _, each in groupby(rows, key=lambda row: row["id"])]


def _document(rows: list[Row]) -> sdk.Listed:
    first: Mapping[str, Any] = rows[0]
    number = {"number": str(first["tranid"])} if "tranid" in first else {}
    return sdk.Listed(marker=str(first["externalid"]), ref=sdk.ExternalRef(id=str(first["id"]), extra=number), row=rows)

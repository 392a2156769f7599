"""NetSuite as a system that holds clients, projects, time and invoices. Everything is addressed by our own ids."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from tieline import sdk
from tieline.connectors.netsuite import faults, queries
from tieline.connectors.netsuite import mapping as m
from tieline.connectors.netsuite.listing import Lists
from tieline.connectors.netsuite.queries import CUSTOMER, JOB, SCHEDULE, TASK, TIME, TRANSACTION, Part
from tieline.connectors.netsuite.settings import NetSuiteSettings, tables
from tieline.connectors.netsuite.tokens import TokenSource
from tieline.connectors.netsuite.wire import Row, Wire, refused

_IDS_PER_QUERY = 500  # an IN list takes 1,000 at most, and a page of invoice lines should stay readable

Read = Sequence[sdk.Observed | None]
Told = Callable[[Row, m.Doc], m.Fields]


def _operation(kind: str, verb: Any = "put") -> tuple[tuple[str, str], sdk.Operation]:
    return (kind, verb), sdk.Operation(kind=kind, verb=verb, op_class=sdk.OperationClass.K_PUT)


MANIFEST = sdk.Manifest(
    name="netsuite",
    title="NetSuite (SuiteTalk REST)",
    owner="finance systems",
    api_version="2026.1",
    roles=("erp",),
    limits=sdk.Limits(concurrency=4),  # one pool for all integrations; no rate and no quota are published
    throttled_by=(
        "SSS_REQUEST_LIMIT_EXCEEDED",
        "WS_CONCUR_SESSION_DISALLWD",
        "WS_REQUEST_BLOCKED",
        "CONCURRENCY_LIMIT_EXCEEDED",
        "REQUEST_LIMIT_EXCEEDED",
    ),
    operations=dict(
        [
            _operation("client"),
            _operation("project"),
            _operation("work_element"),
            _operation("billing_rule"),
            _operation("time_charge"),
            _operation("invoice"),
            _operation("invoice", "end"),
            _operation("invoice_posting"),
        ]
    ),
)


class NetSuite(
    sdk.Connector,
    sdk.WritesClients,
    sdk.WritesProjects,
    sdk.WritesWorkElements,
    sdk.WritesBillingRules,
    sdk.WritesTimeCharges,
    sdk.WritesInvoices,
    sdk.PostsInvoices,
    sdk.ReadsLedger,
    Lists,
):
    """`now` and `wall` are for the token's life only; nothing else looks at a clock."""

    manifest = MANIFEST
    settings_type = NetSuiteSettings
    settings: NetSuiteSettings

    def __init__(
        self,
        settings: NetSuiteSettings,
        http: sdk.Http,
        secrets: Mapping[str, sdk.Secret],
        overlay: Mapping[str, Mapping[str, str]],
        *,
        now: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(settings, http, secrets, overlay)
        # Concurrency is bought per account, so this connection's manifest says what its settings say.
        vars(self)["manifest"] = replace(MANIFEST, concurrency=settings.concurrency)
        self._tables = tables(settings, overlay)
        self._wire = Wire(http, TokenSource(settings, http, secrets["private_key"], now=now, wall=wall))

    # -- clients

    async def put_client(self, envelope: sdk.Envelope) -> sdk.ExternalRef:
        record = m.from_client(envelope.doc, self._tables)
        existing = await self._same_client(envelope) if envelope.ref is None else None
        if existing is None:
            return await self._upsert("customer", envelope, record, sublist="addressBook")
        record["externalId"] = envelope.marker
        answer = await self._wire.change("customer", existing, record, replace="addressBook")
        if refused(answer):
            faults.refuse(answer, f"client {envelope.doc['name']}")
        return sdk.ExternalRef(id=existing)

    async def find_client(self, envelope: sdk.Envelope) -> sdk.ExternalRef | None:
        return await self._find("customer", envelope.marker)

    async def read_client(self, envelopes: Sequence[sdk.Envelope]) -> Read:
        return await self._read(envelopes, CUSTOMER, queries.clients, lambda row, ours: m.to_client(row, self._tables))

    async def _same_client(self, envelope: sdk.Envelope) -> str | None:
        """Before the first creation: a customer that is this client already and bears nobody's external id.

        Two look-alikes, or one that another integration owns, are for a person: a wrong choice would bill a stranger.
        """
        doc = envelope.doc
        subsidiary = self._tables.subsidiaries.id_of(doc["legal_entity"])
        rows = await self._wire.rows(queries.clients_like(doc["name"], doc.get("tax_registration"), subsidiary))
        if not rows or any(row.get("externalid") == envelope.marker for row in rows):
            return None
        if len(rows) == 1 and "externalid" not in rows[0]:
            return str(rows[0]["id"])
        ids = " and ".join(str(row["id"]) for row in rows)
        raise sdk.Blocked(
            f"{doc['name']} could be NetSuite customer {ids}: give the right one the external id {envelope.marker}, or "
            "deactivate the wrong ones, and retry.",
            code="CLIENT_AMBIGUOUS",
            faults=[sdk.Fault("/tax_registration", f"matches NetSuite customer {ids}")],
        )

    # -- projects

    async def put_project(self, envelope: sdk.Envelope) -> sdk.ExternalRef:
        record = m.from_project(envelope.doc, envelope.links, self._tables, self.settings)
        return await self._upsert("job", envelope, record)

    async def find_project(self, envelope: sdk.Envelope) -> sdk.ExternalRef | None:
        return await self._find("job", envelope.marker)

    async def read_project(self, envelopes: Sequence[sdk.Envelope]) -> Read:
        return await self._read(envelopes, JOB, queries.projects, lambda row, ours: m.to_project(row, self._tables))

    # -- work elements

    async def put_work_element(self, envelope: sdk.Envelope) -> sdk.ExternalRef:
        """The reference carries the item, because only this document knows the service line that chooses it."""
        item = self._tables.items.id_of(envelope.doc["service_line"])
        record = m.from_work_element(envelope.doc, envelope.links)
        return replace(await self._upsert("projectTask", envelope, record), extra={"item": item})

    async def find_work_element(self, envelope: sdk.Envelope) -> sdk.ExternalRef | None:
        found = await self._find("projectTask", envelope.marker)
        return found and self._with_item(found, envelope.doc)

    async def read_work_element(self, envelopes: Sequence[sdk.Envelope]) -> Read:
        seen = await self._read(
            envelopes,
            TASK,
            lambda which: queries.work_elements(which, self.settings.billing_resource),
            lambda row, ours: m.to_work_element(row, self._tables, ours),
        )
        return [
            one and replace(one, ref=self._with_item(one.ref, envelope.doc))
            for one, envelope in zip(seen, envelopes, strict=True)
        ]

    def _with_item(self, ref: sdk.ExternalRef, doc: m.Doc) -> sdk.ExternalRef:
        return replace(ref, extra={"item": self._tables.items.id_of(doc["service_line"])})

    # -- billing rules

    async def put_billing_rule(self, envelope: sdk.Envelope) -> sdk.ExternalRef:
        """Price first, schedule last: once the schedule with our id is there, the rule is whole."""
        doc, links = envelope.doc, envelope.links
        schedule = m.from_billing_rule(doc, links, self.settings)
        element = doc["work_element_id"]
        items = await self._items([element], links)
        price = m.from_billing_price(doc, items[element], self.settings)
        task = links.get(f"work_element/{element}")
        address = task.id if task is not None else f"eid:{element}"
        answer = await self._wire.change("projectTask", address, price, replace="assignee")
        if refused(answer):
            faults.refuse(answer, f"the rate of {element}")
        return await self._upsert("billingSchedule", envelope, schedule)

    async def find_billing_rule(self, envelope: sdk.Envelope) -> sdk.ExternalRef | None:
        return await self._find("billingSchedule", envelope.marker)

    async def read_billing_rule(self, envelopes: Sequence[sdk.Envelope]) -> Read:
        return await self._read(
            envelopes,
            SCHEDULE,
            lambda which: queries.billing_rules(which, self.settings.billing_resource),
            lambda row, ours: m.to_billing_rule(row, self._tables, ours),
        )

    # -- time

    async def put_time_charge(self, envelope: sdk.Envelope) -> sdk.ExternalRef:
        element = envelope.doc["work_element_id"]
        items = await self._items([element], envelope.links)
        record = m.from_time_charge(envelope.doc, envelope.links, items[element], self._tables)
        return await self._upsert("timeBill", envelope, record)

    async def find_time_charge(self, envelope: sdk.Envelope) -> sdk.ExternalRef | None:
        return await self._find("timeBill", envelope.marker)

    async def read_time_charge(self, envelopes: Sequence[sdk.Envelope]) -> Read:
        return await self._read(
            envelopes, TIME, queries.time_charges, lambda row, ours: m.to_time_charge(row, self._tables, ours)
        )

    # -- invoices

    async def put_invoice(self, envelope: sdk.Envelope) -> sdk.ExternalRef:
        """Creates the invoice pending approval. A posted one is never touched: an edit would re-open it."""
        doc = envelope.doc
        draft = await self._wire.record("invoice", f"eid:{envelope.marker}", "approvalStatus,tranId")
        if _posted(draft):
            raise sdk.Conflict(f"Invoice {envelope.marker} is already posted in NetSuite; correct it by a credit.")
        elements = [line["work_element_id"] for line in doc["lines"]]
        record = m.from_invoice(doc, envelope.links, await self._items(elements, envelope.links), self._tables)
        return await self._upsert("invoice", envelope, record, sublist="item", posts_on=doc["invoice_date"])

    async def find_invoice(self, envelope: sdk.Envelope) -> sdk.ExternalRef | None:
        return await self._find("invoice", envelope.marker)

    async def read_invoice(self, envelopes: Sequence[sdk.Envelope]) -> Read:
        rows: list[Row] = []
        for ids in _portions([envelope.marker for envelope in envelopes]):
            rows += await self._wire.rows(queries.invoices(TRANSACTION.of(ids)))
        by_id = {key: list(lines) for key, lines in groupby(rows, key=lambda row: row["externalid"])}
        return [self._invoice(by_id.get(envelope.marker), envelope) for envelope in envelopes]

    def _invoice(self, rows: list[Row] | None, envelope: sdk.Envelope) -> sdk.Observed | None:
        if rows is None:
            return None
        fields = m.to_invoice(rows, self._tables, envelope.doc or {})
        return sdk.Observed(doc=fields, ref=_reference(rows[0]))

    async def withdraw_invoice(self, envelope: sdk.Envelope) -> sdk.ExternalRef:
        """Takes back a draft. Looks first: what is posted stays, whatever was asked for."""
        draft = await self._wire.record("invoice", f"eid:{envelope.marker}", "approvalStatus,tranId")
        if draft is None:
            return envelope.ref or sdk.ExternalRef(id=envelope.marker)
        if _posted(draft):
            raise sdk.Blocked(
                f"Invoice {draft.get('tranId', envelope.marker)} is posted in NetSuite and cannot be withdrawn: "
                "correct it by a credit.",
                code="INVOICE_POSTED",
            )
        answer = await self._wire.delete("invoice", f"eid:{envelope.marker}")
        if refused(answer) and answer.status != 404:
            faults.refuse(answer, f"the withdrawal of draft {envelope.marker}")
        return sdk.ExternalRef(id=str(draft["id"]))

    # -- posting

    async def put_invoice_posting(self, envelope: sdk.Envelope) -> sdk.ExternalRef:
        """Approves the draft into the period of the posting date; the number is read back from the record."""
        invoice, day = envelope.doc["invoice_id"], envelope.doc["posting_date"]
        period = await self._open_period(day)
        order = {"approvalStatus": {"id": m.APPROVED}, "postingPeriod": {"id": period}}
        answer = await self._wire.change("invoice", f"eid:{invoice}", order)
        if refused(answer):
            await self._refuse(answer, f"the posting of invoice {invoice}", day)
        posted = await self._posted_reference(invoice)
        if posted is None:
            raise sdk.Conflict(f"NetSuite took the approval of invoice {invoice} and does not show it as posted.")
        return posted

    async def find_invoice_posting(self, envelope: sdk.Envelope) -> sdk.ExternalRef | None:
        return await self._posted_reference(envelope.doc["invoice_id"])

    async def read_invoice_posting(self, envelopes: Sequence[sdk.Envelope]) -> Read:
        return await self._read(
            envelopes,
            TRANSACTION,
            queries.postings,
            lambda row, ours: m.to_posting(row, self._tables, ours),
            key=lambda envelope: str(envelope.doc["invoice_id"]),
        )

    async def ledger_of(self, invoice: sdk.ExternalRef, legal_entity: str) -> Sequence[sdk.LedgerLine]:
        return [m.to_ledger_line(row, self._tables) for row in await self._wire.rows(queries.ledger(invoice.id))]

    async def _posted_reference(self, invoice: str) -> sdk.ExternalRef | None:
        record = await self._wire.record("invoice", f"eid:{invoice}", "approvalStatus,tranId")
        if record is None or not _posted(record):
            return None
        return sdk.ExternalRef(id=str(record["id"]), extra={"number": str(record.get("tranId", ""))})

    async def _open_period(self, day: str) -> str:
        """The posting period of a day; raises Blocked when it is closed, locked, or missing."""
        rows = await self._wire.rows(queries.period_of(day))
        if not rows:
            raise sdk.Blocked(f"NetSuite has no accounting period for {day}: set it up.", code="PERIOD_CLOSED")
        period = rows[0]
        if "T" in (period.get("closed"), period.get("arlocked"), period.get("alllocked")):
            raise sdk.Blocked(
                f"The NetSuite period {period.get('periodname', '')} of {day} is closed for receivables: open it, or "
                "choose a date in an open period.",
                code="PERIOD_CLOSED",
            )
        return str(period["id"])

    # -- what all kinds share

    async def _upsert(
        self,
        record_type: str,
        envelope: sdk.Envelope,
        record: m.Fields,
        *,
        sublist: str | None = None,
        posts_on: str | None = None,
    ) -> sdk.ExternalRef:
        answer, id = await self._wire.upsert(record_type, envelope.marker, record, replace=sublist)
        if refused(answer):
            await self._refuse(answer, f"{envelope.kind.replace('_', ' ')} {envelope.marker}", posts_on)
        if id is not None:
            return sdk.ExternalRef(id=id)
        found = envelope.ref or await self._find(record_type, envelope.marker)
        if found is None:
            raise sdk.Unknown(f"NetSuite said that {envelope.marker} is saved and does not find it.")
        return found

    async def _refuse(self, answer: sdk.Answer, what: str, posts_on: str | None) -> None:
        # A closed period and every other rule share one code, so the period itself is asked.
        if posts_on is not None and faults.is_business_rule(answer):
            await self._open_period(posts_on)
        faults.refuse(answer, what)

    async def _find(self, record_type: str, external_id: str) -> sdk.ExternalRef | None:
        record = await self._wire.record(record_type, f"eid:{external_id}", "externalId")
        return None if record is None else sdk.ExternalRef(id=str(record["id"]))

    async def _read(
        self,
        envelopes: Sequence[sdk.Envelope],
        part: Part,
        query: Callable[[str], str],
        told: Told,
        key: Callable[[sdk.Envelope], str] = lambda envelope: envelope.marker,
    ) -> list[sdk.Observed | None]:
        rows: dict[str, Row] = {}
        for ids in _portions([key(envelope) for envelope in envelopes]):
            rows.update((row["externalid"], row) for row in await self._wire.rows(query(part.of(ids))))
        return [
            sdk.Observed(doc=told(row, envelope.doc or {}), ref=_reference(row))
            if (row := rows.get(key(envelope))) is not None
            else None
            for envelope in envelopes
        ]

    async def _items(self, elements: Sequence[str], links: m.Links) -> dict[str, str]:
        """The service item of each work element: from its reference, else from the task's priced line."""
        known = {e: links[f"work_element/{e}"].extra.get("item", "") for e in elements if f"work_element/{e}" in links}
        unknown = sorted({e for e in elements if not known.get(e)})
        if unknown:
            rows = await self._wire.rows(queries.items_of(unknown, self.settings.billing_resource))
            known.update((row["externalid"], row.get("serviceitem", "")) for row in rows)
        for element in unknown:
            if not known.get(element):
                raise sdk.Blocked(
                    f"NetSuite does not know which service item bills {element}: send its billing rule first.",
                    code="MAPPING_MISSING",
                )
        return known


def _reference(row: Row) -> sdk.ExternalRef:
    extra = {"number": str(row["tranid"])} if "tranid" in row else {}
    return sdk.ExternalRef(id=str(row["id"]), extra=extra)


def _posted(record: Mapping[str, Any] | None) -> bool:
    status = record.get("approvalStatus") if record else None
    return isinstance(status, dict) and status.get("id") == m.APPROVED


def _portions(ids: Sequence[str]) -> list[Sequence[str]]:
    unique = list(dict.fromkeys(ids))
    return [unique[start : start + _IDS_PER_QUERY] for start in range(0, len(unique), _IDS_PER_QUERY)]

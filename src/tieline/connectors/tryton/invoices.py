"""Invoices: a draft with our id as reference, compared by Tryton's own sums, posted by its button, seen in its ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NoReturn

from tieline import sdk
from tieline.connectors.tryton.books import Books, linked, only_one
from tieline.connectors.tryton.mapping import (
    Row,
    from_invoice,
    to_invoice,
    to_ledger_line,
    to_money,
    to_posting,
)
from tieline.connectors.tryton.settings import CompanySettings

INVOICE = "account.invoice"
FIELDS = (
    "company.id", "reference", "state", "number", "currency.code", "invoice_date", "untaxed_amount", "tax_amount",
    "total_amount", "party.id", "lines.id", "move.id", "move.date",
)  # fmt: skip
POSTED = ("posted", "paid")


class Invoices(Books, sdk.WritesInvoices, sdk.PostsInvoices, sdk.ReadsLedger):
    async def put_invoice(self, envelope: sdk.Envelope) -> sdk.ExternalRef:
        company, invoice = self.company(envelope), envelope.doc
        row = await self._marked_invoice(company.id, envelope.marker)
        party, address = await self._billed_to(company.id, envelope)
        currency = await self._currency(company.id, invoice["currency"])
        values = from_invoice(invoice, envelope.marker, company, currency, party, address)
        if row is None:
            return _ref(await self.wire.create(company.id, INVOICE, values, FIELDS))
        if row["state"] in POSTED:
            _cannot_change(row)
        values["lines"].insert(0, ["delete", [line["id"] for line in row["lines"] or ()]])
        return _ref(await self.wire.write(company.id, INVOICE, row["id"], values, FIELDS))

    async def find_invoice(self, envelope: sdk.Envelope) -> sdk.ExternalRef | None:
        row = await self._marked_invoice(self.company(envelope).id, envelope.marker)
        return None if row is None else _ref(row)

    async def read_invoice(self, envelopes: Sequence[sdk.Envelope]) -> Sequence[sdk.Observed | None]:
        def doc(row: Row, envelope: sdk.Envelope) -> Row:
            return {} if row["state"] == "cancelled" else to_invoice(row, envelope.doc["legal_entity"])

        seen = await self.read_all(INVOICE, FIELDS, envelopes, doc)
        return [None if item is None or not item.doc else item for item in seen]

    async def withdraw_invoice(self, envelope: sdk.Envelope) -> sdk.ExternalRef:
        """A cancelled draft stays visible in Tryton: the evidence that it was there and was never posted."""
        company = self.company(envelope)
        row = await self._marked_invoice(company.id, envelope.marker)
        if row is None:
            return envelope.ref or sdk.ExternalRef(id="")
        if row["state"] in POSTED:
            _cannot_change(row)
        try:
            return _ref(await self.wire.press(company.id, INVOICE, row["id"], "cancel", FIELDS))
        except sdk.Rejected:
            row = await self._invoice_row(company.id, row["id"])
            if row["state"] != "cancelled":
                raise
            return _ref(row)

    async def put_invoice_posting(self, envelope: sdk.Envelope) -> sdk.ExternalRef:
        company, posting = self.company(envelope), envelope.doc
        row = await self._invoice_row(company.id, linked(envelope, f"invoice/{posting['invoice_id']}"))
        if row["state"] in POSTED:
            return _ref(row)
        _must_be_as_approved(row, posting)
        await self._period_must_be_open(company, posting["posting_date"])
        return _ref(await self._post(company, row["id"]))

    async def find_invoice_posting(self, envelope: sdk.Envelope) -> sdk.ExternalRef | None:
        company = self.company(envelope)
        row = await self._marked_invoice(company.id, envelope.doc["invoice_id"])
        return _ref(row) if row is not None and row["state"] in POSTED else None

    async def read_invoice_posting(self, envelopes: Sequence[sdk.Envelope]) -> Sequence[sdk.Observed | None]:
        def doc(row: Row, envelope: sdk.Envelope) -> Row:
            return to_posting(row, envelope.doc["legal_entity"]) if row["state"] in POSTED else {}

        seen = await self.read_all(INVOICE, FIELDS, envelopes, doc)
        return [None if item is None or not item.doc else item for item in seen]

    async def ledger_of(self, invoice: sdk.ExternalRef, legal_entity: str) -> Sequence[sdk.LedgerLine]:
        company = self.company_of(legal_entity)
        row = await self._invoice_row(company.id, int(invoice.id))
        if row["state"] not in POSTED or row["move"] is None:
            return []
        fields = ("move.company.id", "account.code", "account.name", "debit", "credit")
        lines = await self.wire.search(
            company.id, "account.move.line", [["move", "=", row["move"]["id"]]], fields, 1000
        )
        return [to_ledger_line(line, company.currency) for line in lines]

    async def _post(self, company: CompanySettings, record: int) -> Row:
        """Tryton has one status for a warning, a prohibition and "posted already": its state tells them apart."""
        warned = self.settings.skip_warnings
        try:
            return await self.wire.press(company.id, INVOICE, record, "post", FIELDS, skip_warnings=warned)
        except (sdk.Rejected, sdk.Blocked) as refused:
            row = await self._invoice_row(company.id, record)
            if row["state"] in POSTED:
                return row
            if isinstance(refused, sdk.Blocked):
                raise _forbidden() from refused
            if warned:
                raise
            raise sdk.Blocked(
                f"{refused.detail} The invoice is still a draft: clear the reason in Tryton, or post it there by hand "
                "if it is only a warning; this goes on by itself then.",
                code="ERP_WARNING",
            ) from refused

    async def _period_must_be_open(self, company: CompanySettings, day: str) -> None:
        """The period, and the journal within it, which a controller closes separately and reopens separately."""
        within = [["start_date", "<=", _day(day)], ["end_date", ">=", _day(day)], ["type", "=", "standard"]]
        mine = ["company", "=", company.id]
        periods = await self.wire.search(
            company.id, "account.period", [mine, *within], ("company.id", "state", "name"), 2
        )
        open_ones = [period for period in periods if period["state"] == "open"]
        if not open_ones:
            name = periods[0]["name"] if periods else f"for {day}"
            raise _closed(f"accounting period {name}")
        closed = [["period", "=", open_ones[0]["id"]], ["journal", "=", company.journal], ["state", "=", "closed"]]
        if await self.wire.search(company.id, "account.journal.period", closed, ("state",), 1):
            raise _closed(f"invoice journal of the period {open_ones[0]['name']}")

    async def _marked_invoice(self, company: int, marker: str) -> Row | None:
        domain = [
            ["company", "=", company],
            ["type", "=", "out"],
            ["reference", "=", marker],
            ["state", "!=", "cancelled"],
        ]
        return only_one(await self.marked(company, INVOICE, domain, FIELDS), marker, "invoices")

    async def _invoice_row(self, company: int, record: int) -> Row:
        found = await self.wire.by_ids(company, INVOICE, [record], FIELDS)
        if record not in found:
            raise sdk.Conflict("The invoice is gone from Tryton; it is looked up again.")
        return found[record]

    async def _billed_to(self, company: int, envelope: sdk.Envelope) -> tuple[int, int]:
        """The party and its invoice address."""
        name = f"client/{envelope.doc['client_id']}"
        party = linked(envelope, name)
        domain = [["party", "=", party]]
        rows = await self.wire.search(company, "party.address", domain, ["invoice"])
        marked = [row for row in rows if row["invoice"]] or rows
        if not marked:
            raise sdk.Blocked("The client has no address in Tryton: add one to invoice to.", code="ADDRESS_MISSING")
        return party, int(marked[0]["id"])

    async def _currency(self, company: int, code: str) -> int:
        rows = await self.wire.search(company, "currency.currency", [["code", "=", code]], ["code"], 1)
        if not rows:
            raise sdk.Blocked(f"Tryton does not know the currency {code}: add it in Tryton.", code="MAPPING_MISSING")
        return int(rows[0]["id"])


def _ref(row: Row) -> sdk.ExternalRef:
    extra = {"state": row["state"], "total": str(row["total_amount"])}
    if row["number"]:
        extra["number"] = row["number"]
    return sdk.ExternalRef(id=str(row["id"]), extra=extra)


def _cannot_change(row: Row) -> NoReturn:
    raise sdk.Blocked(
        f"Invoice {row['number']} is posted in Tryton and cannot be changed or taken back: correct it with a credit memo.",
        code="ALREADY_POSTED",
    )


def _closed(what: str) -> sdk.Blocked:
    return sdk.Blocked(
        f"The {what} is not open in Tryton: the controller opens it, or the invoice gets a date in an open period.",
        code="PERIOD_CLOSED",
    )


def _forbidden() -> sdk.Blocked:
    """Tryton has one empty answer for a missing right, for closed books and for the loser of two postings at once."""
    return sdk.Blocked(
        "Tryton forbids this posting without saying why: give the key's user the group Accounting, or have the controller "
        "look whether the books are closed.",
        code="ACCESS_MISSING",
    )


def _day(text: str) -> date:
    return date.fromisoformat(text)


def _must_be_as_approved(row: Row, posting: Row) -> None:
    """The last look before money moves: nobody may have changed the draft since it was compared."""
    in_erp = to_money(row["total_amount"], row["currency"]["code"])
    day = row["invoice_date"]
    if in_erp != posting["total"] or day != posting["posting_date"] or row["state"] not in ("draft", "validated"):
        raise sdk.Blocked(
            f"The draft in Tryton is {row['state']}, over {in_erp['currency']} {in_erp['amount']} and dated {day}; approved "
            f"were {posting['total']['currency']} {posting['total']['amount']} on {posting['posting_date']}: withdraw it "
            "and release it again.",
            code="INVOICE_DIFFERS",
        )

"""The searchable side of the account: rows that SuiteQL sees, brought up to date when somebody searches.

A lagging read leaves changed records for the next search, so that a finished write is not found yet.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

from tieline.twins.chassis import Store
from tieline.twins.netsuite.invoices import APPROVED
from tieline.twins.netsuite.suiteql import translate

Doc = dict[str, Any]
Row = tuple[str, dict[str, Any]]  # table and columns

# Column names as SuiteQL spells them; those that were not seen in public code are marked in PAGE.md.
TABLES = {
    "customer": "id externalid companyname currency defaulttaxreg isinactive lastmodifieddate",
    "customersubsidiaryrelationship": "id entity subsidiary isprimarysub",
    "customeraddressbook": "id entity defaultbilling label addressbookaddress",
    "customeraddressbookentityaddress": "nkey addr1 city zip country",
    "job": "id externalid companyname parent subsidiary currency startdate projectedenddate lastmodifieddate",
    "projecttask": "id externalid title project estimatedwork startdatetime finishbydate lastmodifieddate",
    "projecttaskassignee": "projecttask resource serviceitem unitprice",
    "billingschedule": "id externalid name job billforactuals seriesstartdate",
    "timebill": "id externalid customer casetaskevent employee item trandate hours rate memo subsidiary approvalstatus "
    "isbillable lastmodifieddate",
    "charge": "id externalid billto rate quantity amount stage use chargedate invoice projecttask lastmodifieddate",
    "transaction": "id externalid type tranid trandate entity job currency approvalstatus posting postingperiod "
    "foreigntotal lastmodifieddate",
    "transactionline": "transaction id mainline taxline subsidiary item quantity rate foreignamount memo taxcode taxrate1",
    "transactionaccountingline": "transaction transactionline account debit credit posting",
    "account": "id acctnumber",
    "accountingperiod": "id periodname startdate enddate closed arlocked alllocked isquarter isyear isadjust",
    "subsidiary": "id name currency",
    "currency": "id symbol",
    "item": "id itemid",
    "employee": "id entityid",
}
_COLUMNS = {table: tuple(columns.split()) for table, columns in TABLES.items()}
_NUMBERED = {"id", "entity", "parent", "project", "projecttask", "transaction", "transactionline", "customer", "nkey"}


class Mirror:
    """Rows by record; `touch` says that a record changed, `search` catches up and answers."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._db = sqlite3.connect(":memory:", isolation_level=None, cached_statements=512)
        self._stale: dict[tuple[str, str], None] = {}
        for table, columns in _COLUMNS.items():
            typed = [f'"{name}" {"INTEGER" if name in _NUMBERED else "TEXT"}' for name in columns]
            self._db.execute(f'CREATE TABLE "{table}" ({", ".join(typed)}, "_owner" TEXT)')
            for name in ("_owner", *(n for n in columns if n in _NUMBERED or n == "externalid")):
                self._db.execute(f'CREATE INDEX "{table}_by_{name}" ON "{table}" ("{name}")')

    def touch(self, kind: str, id: str) -> None:
        self._stale[kind, id] = None

    def touch_all(self) -> None:
        for kind in _ROWS:
            for id, _ in self._store.list(kind, fresh=True):
                self.touch(kind, id)

    def search(self, text: str, limit: int, offset: int) -> tuple[list[dict[str, str]], bool, int]:
        """One page of rows, whether more follow, and how many there are in all."""
        query = translate(text, _COLUMNS)
        self.catch_up()
        rows = self._db.execute(f"{query.sql} LIMIT {limit + 1} OFFSET {offset}", query.values).fetchall()
        more, total = len(rows) > limit, offset + len(rows)
        if more:
            total = self._db.execute(f"SELECT count(*) FROM ({query.sql})", query.values).fetchone()[0]
        page = [
            {name: str(value) for name, value in zip(query.names, row, strict=True) if value is not None}
            for row in rows[:limit]
        ]
        return page, more, total

    def catch_up(self) -> None:
        """Reads as the current request sees the store; what it may not see yet stays stale."""
        if not self._stale:
            return
        behind: dict[tuple[str, str], None] = {}
        self._db.execute("BEGIN")
        for kind, id in self._stale:
            doc = self._store.get(kind, id)
            if doc != self._store.get(kind, id, fresh=True):
                behind[kind, id] = None
            self._replace(kind, id, doc)
        self._db.execute("COMMIT")
        self._stale = behind

    def _replace(self, kind: str, id: str, doc: Doc | None) -> None:
        tables, rows_of = _ROWS[kind]
        owner = f"{kind}:{id}"
        for table in tables:
            self._db.execute(f'DELETE FROM "{table}" WHERE "_owner" = ?', (owner,))
        if doc is None or doc.get("_locked"):  # a locked record drops out of searches without a word
            return
        for table, columns in rows_of(id, doc):
            names = _COLUMNS[table]
            marks = ", ".join("?" * (len(names) + 1))
            values = [columns.get(name) for name in names]
            self._db.execute(f'INSERT INTO "{table}" VALUES ({marks})', (*values, owner))


def _flag(value: object) -> str:
    return "T" if value else "F"


def _id(doc: Doc, name: str) -> str | None:
    reference = doc.get(name)
    return None if reference is None else str(reference["id"])


def _common(id: str, doc: Doc) -> Doc:
    return {"id": id, "externalid": doc.get("externalId"), "lastmodifieddate": doc.get("lastModifiedDate")}


def _plain(table: str, names: dict[str, str]) -> Callable[[str, Doc], Iterator[Row]]:
    """A table whose columns are the record's properties: references by id, flags as T and F."""

    def rows(id: str, doc: Doc) -> Iterator[Row]:
        columns = _common(id, doc)
        for column, name in names.items():
            value = doc.get(name)
            if isinstance(value, dict):
                value = value.get("id")
            columns[column] = _flag(value) if column in _FLAGS else value
        yield table, columns

    return rows


_FLAGS = {
    "isinactive",
    "billforactuals",
    "isbillable",
    "closed",
    "arlocked",
    "alllocked",
    "isquarter",
    "isyear",
    "isadjust",
}


def _same(*names: str) -> dict[str, str]:
    return {name.lower(): name for name in names}


def _customer(id: str, doc: Doc) -> Iterator[Row]:
    yield from _plain("customer", _same("companyName", "currency", "defaultTaxReg", "isInactive"))(id, doc)
    subsidiary = {"id": id, "entity": id, "subsidiary": _id(doc, "subsidiary"), "isprimarysub": "T"}
    yield "customersubsidiaryrelationship", subsidiary
    for n, line in enumerate(doc.get("addressBook", []), start=1):
        key = int(id) * 1000 + n
        default = _flag(line.get("defaultBilling"))
        book = {
            "id": key,
            "entity": id,
            "defaultbilling": default,
            "label": line.get("label"),
            "addressbookaddress": key,
        }
        yield "customeraddressbook", book
        yield "customeraddressbookentityaddress", {"nkey": key, **line.get("addressBookAddress", {})}


def _task(id: str, doc: Doc) -> Iterator[Row]:
    names = _same("title", "project", "estimatedWork", "startDateTime", "finishByDate")
    yield from _plain("projecttask", names)(id, doc)
    for line in doc.get("assignee", []):
        ids = {name: _id(line, key) for name, key in (("resource", "resource"), ("serviceitem", "serviceItem"))}
        yield "projecttaskassignee", {"projecttask": id, "unitprice": line.get("unitPrice"), **ids}


def _invoice(id: str, doc: Doc) -> Iterator[Row]:
    names = _same("tranId", "tranDate", "entity", "job", "currency", "approvalStatus", "postingPeriod")
    _, columns = next(_plain("transaction", names)(id, doc))
    posting = _flag(columns["approvalstatus"] == APPROVED)
    yield "transaction", {**columns, "type": "CustInvc", "posting": posting, "foreigntotal": doc["total"]}
    yield from (("transactionline", line) for line in _invoice_lines(id, doc))
    for n, entry in enumerate(doc.get("_ledger", [])):
        yield "transactionaccountingline", {"transaction": id, "transactionline": n, "posting": "T", **entry}


def _invoice_lines(id: str, doc: Doc) -> Iterator[Doc]:
    """Sales and tax are credits: their quantities and amounts are told negative."""
    shared = {"transaction": id, "subsidiary": _id(doc, "subsidiary"), "mainline": "F", "taxline": "F"}
    yield {**shared, "id": 0, "mainline": "T", "foreignamount": doc["total"]}
    for n, line in enumerate(doc["item"], start=1):
        told = {"id": n, "item": _id(line, "item"), "quantity": _negative(line["quantity"]), "rate": line.get("rate")}
        amounts = {"foreignamount": _negative(line["amount"]), "taxcode": _id(line, "taxCode")}
        yield {**shared, **told, **amounts, "memo": line.get("description"), "taxrate1": line["taxRate1"]}
    for n, (code, amount) in enumerate(doc["_taxes"].items(), start=len(doc["item"]) + 1):
        yield {**shared, "id": n, "taxline": "T", "taxcode": code, "foreignamount": _negative(amount)}


def _negative(amount: str) -> str:
    return amount[1:] if amount.startswith("-") else f"-{amount}"


_ROWS: dict[str, tuple[tuple[str, ...], Callable[[str, Doc], Iterator[Row]]]] = {
    "customer": (
        (
            "customer",
            "customersubsidiaryrelationship",
            "customeraddressbook",
            "customeraddressbookentityaddress",
        ),
        _customer,
    ),
    "job": (
        ("job",),
        _plain("job", _same("companyName", "parent", "subsidiary", "currency", "startDate", "projectedEndDate")),
    ),
    "projectTask": (("projecttask", "projecttaskassignee"), _task),
    "billingSchedule": (
        ("billingschedule",),
        _plain("billingschedule", _same("name", "job", "billForActuals", "seriesStartDate")),
    ),
    "timeBill": (
        ("timebill",),
        _plain(
            "timebill",
            _same("customer", "caseTaskEvent", "employee", "item", "tranDate", "hours", "rate", "memo")
            | _same("subsidiary", "approvalStatus", "isBillable"),
        ),
    ),
    "charge": (
        ("charge",),
        _plain(
            "charge",
            _same("billTo", "rate", "quantity", "amount", "stage", "use", "chargeDate", "invoice", "projectTask"),
        ),
    ),
    "invoice": (("transaction", "transactionline", "transactionaccountingline"), _invoice),
    "accountingPeriod": (
        ("accountingperiod",),
        _plain(
            "accountingperiod",
            _same("periodName", "startDate", "endDate", "closed", "arLocked", "allLocked")
            | _same("isQuarter", "isYear", "isAdjust"),
        ),
    ),
    "subsidiary": (("subsidiary",), _plain("subsidiary", _same("name", "currency"))),
    "currency": (("currency",), _plain("currency", _same("symbol"))),
    "item": (("item",), _plain("item", {"itemid": "name"})),
    "employee": (("employee",), _plain("employee", {"entityid": "name"})),
    "account": (("account",), _plain("account", {"acctnumber": "name"})),
}

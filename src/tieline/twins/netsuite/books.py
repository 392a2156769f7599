"""Saving and deleting records by the account's rules: references, periods, approval routing, locks, ledger."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from starlette.requests import Request

from tieline.kit.canonical import Json
from tieline.twins.chassis import Clock, KeyTaken, Store, TruthJournal, fault_of
from tieline.twins.netsuite import invoices, records
from tieline.twins.netsuite.mirror import Mirror
from tieline.twins.netsuite.refusals import Refusal, invalid, user_error

_FIRST_ID = 9001
_FIRST_INVOICE = 1001
Doc = dict[str, Any]


class Books:
    """Every method works inside the request's transaction; a refusal leaves nothing behind."""

    def __init__(
        self, store: Store, journal: TruthJournal, mirror: Mirror, clock: Clock, option: Callable[[str, str], str]
    ) -> None:
        self._store = store
        self._journal = journal
        self._mirror = mirror
        self._clock = clock
        self._option = option

    def resolve(self, kind: str, by: str, value: str, *, fresh: bool = True) -> str | None:
        if by == "externalId":
            found = self._store.find(kind, "externalId", value, fresh=fresh)
            return found and found[0]
        return value if self._store.raw(kind, value, fresh=fresh) is not None else None

    def save(self, request: Request, who: str, kind: str, given: Json, id: str | None, external: str | None) -> str:
        """Creates (`id` None) or changes a record; returns its internal id and states the effect."""
        strict = request.headers.get("x-netsuite-propertynamevalidation", "warning").lower() == "error"
        new = records.checked(kind, given, self.resolve, strict=strict)
        old = self._store.get(kind, id, fresh=True) if id is not None else None
        if old is not None:
            self.refuse_locked(old)
        replace = frozenset(request.query_params.get("replace", "").split(","))
        doc = records.merged(kind, old or {}, new, replace)
        if external is not None:
            doc["externalId"] = external
        records.require(kind, doc)
        self._refuse_inactive(kind, doc)
        doc["lastModifiedDate"] = self._clock.text()
        id = id or str(self._store.next_number("internal id", _FIRST_ID))
        if kind == "invoice":
            doc = self._invoice(request, doc, old)
        self._put(kind, id, doc)
        self._state(request, who, "create" if old is None else "update", kind, id, doc, given)
        return id

    def delete(self, request: Request, who: str, kind: str, id: str) -> None:
        doc = self._required(kind, id)
        self.refuse_locked(doc)
        if kind == "invoice" and _approved(doc):
            self._refuse_closed(doc)
        self._store.delete(kind, id)
        self._mirror.touch(kind, id)
        self._state(request, who, "delete", kind, id, doc, {})

    def fill(self, kind: str, given: Json) -> str:
        """A record that was there before anybody looked: checked like any other, and no effect of anybody's."""
        doc = {**records.checked(kind, given, self.resolve, strict=True), "lastModifiedDate": self._clock.text()}
        records.require(kind, doc)
        id = str(self._store.next_number("internal id", _FIRST_ID))
        self._put(kind, id, {**doc, "externalId": given["externalId"]} if "externalId" in given else doc)
        return id

    def copy(self, kind: str, id: str) -> str:
        """A double that searches show and that no external id leads to."""
        double = str(self._store.next_number("internal id", _FIRST_ID))
        self._store.put(kind, double, self._required(kind, id))
        self._mirror.touch(kind, double)
        return double

    def refuse_locked(self, doc: Doc) -> None:
        if doc.get("_locked"):
            raise user_error("This record has been locked by a user defined workflow.")

    def period_of(self, day: str) -> Doc | None:
        """The posting month of a day."""
        for _, period in self._store.list("accountingPeriod", fresh=True):
            special = period.get("isYear") or period.get("isQuarter") or period.get("isAdjust")
            if not special and period["startDate"] <= day <= period["endDate"]:
                return dict(period)
        return None

    def _invoice(self, request: Request, doc: Doc, old: Doc | None) -> Doc:
        """Amounts are computed here; an approved invoice posts, gets its number and its ledger lines."""
        doc.setdefault("tranDate", self._clock.text()[:10])
        routing = self._option("routing", "on") == "on"
        doc.setdefault("approvalStatus", {"id": invoices.PENDING if routing else invoices.APPROVED})
        if "postingPeriod" not in doc or (old and old["tranDate"] != doc["tranDate"]):
            period = self.period_of(doc["tranDate"])
            if period is None:
                raise user_error("The transaction date is not within any accounting period.", "tranDate")
            doc["postingPeriod"] = {"id": period["id"]}
        self._refuse_closed(doc)
        self._complete(doc)
        symbol = self._required("currency", doc["currency"]["id"])["symbol"]
        doc = invoices.computed(doc, symbol, self._tax_percent, self._rules(request))
        if not _approved(doc):
            return {name: value for name, value in doc.items() if name != "_ledger"}
        doc.setdefault("tranId", f"INV{self._store.next_number('invoice number', _FIRST_INVOICE)}")
        base = self._required("subsidiary", doc["subsidiary"]["id"])["currency"]["id"]
        doc["_ledger"] = invoices.ledger(doc, self._required("currency", base)["symbol"], self._revenue_account)
        return doc

    def _complete(self, doc: Doc) -> None:
        """Subsidiary and currency come from the customer when nobody said them."""
        entity = self._store.get("customer", doc["entity"]["id"], fresh=True)
        entity = entity or self._required("job", doc["entity"]["id"])
        for name in ("subsidiary", "currency"):
            if name not in doc:
                doc[name] = entity.get(name) or {"id": "1" if name == "currency" else "2"}

    def _rules(self, request: Request) -> invoices.Rules:
        fault = fault_of(request)
        off = fault.detail.get("off", "0") if fault is not None else self._option("off", "0")
        return invoices.Rules(rounding=self._option("rounding", "document"), off=Decimal(str(off)))

    def _refuse_closed(self, doc: Doc) -> None:
        period = self._required("accountingPeriod", doc["postingPeriod"]["id"])
        if period.get("closed") or period.get("arLocked") or period.get("allLocked"):
            raise user_error(f"The posting period {period['periodName']} is closed or locked.", "postingPeriod")

    def _refuse_inactive(self, kind: str, doc: Doc) -> None:
        for name in ("parent", "entity"):
            if kind in ("job", "invoice") and name in doc:
                customer = self._store.get("customer", doc[name]["id"], fresh=True)
                if customer is not None and customer.get("isInactive"):
                    raise user_error("The customer is inactive.", name)

    def _put(self, kind: str, id: str, doc: Doc) -> None:
        keys = {"externalId": doc["externalId"]} if "externalId" in doc else {}
        try:
            self._store.put(kind, id, doc, keys=keys)
        except KeyTaken:
            raise invalid(f"This record already exists: external id {doc['externalId']}.", "externalId") from None
        self._mirror.touch(kind, id)

    def _state(self, request: Request, who: str, operation: str, kind: str, id: str, doc: Doc, given: Json) -> None:
        self._journal.append(
            principal=who,
            operation=operation,
            kind=kind,
            natural_key=doc.get("externalId", id),
            payload=given,
            idempotency_key=request.headers.get("x-netsuite-idempotency-key"),
            correlation=request.headers.get("traceparent"),
        )

    def _required(self, kind: str, id: str) -> Doc:
        doc = self._store.get(kind, id, fresh=True)
        if doc is None:
            raise Refusal(f"{kind} {id} does not exist.", code="NONEXISTENT_ID", path=kind)
        return dict(doc)

    def _tax_percent(self, id: str) -> Decimal:
        return Decimal(self._required("taxCode", id)["rate"])

    def _revenue_account(self, item: str) -> str:
        return str(self._required("item", item)["account"])


def _approved(doc: Doc) -> bool:
    return bool(doc["approvalStatus"]["id"] == invoices.APPROVED)

"""Canonical documents to NetSuite records (`from_x`) and query rows back to canonical fields (`to_x`). Pure.

`to_x` gets the document that we believe in as well: NetSuite keeps numbers, not spellings, so an equal number is told
in our spelling, and what NetSuite does not carry inside a line is taken from ours (MAPPING.md, "Reading back").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from tieline import sdk
from tieline.connectors.netsuite.settings import NetSuiteSettings, Tables
from tieline.connectors.netsuite.wire import Row

Doc = Mapping[str, Any]
Fields = dict[str, Any]
Links = Mapping[str, sdk.ExternalRef]

PENDING, APPROVED = "1", "2"
TIME_APPROVED = "3"
_ONE_DAY = timedelta(days=1)


def from_client(doc: Doc, tables: Tables) -> Fields:
    entity = doc["legal_entity"]
    tables.tax_codes.id_of(doc["tax_code"], entity=entity)  # found missing here, before any invoice depends on it
    return {
        "companyName": doc["name"],
        "isPerson": False,
        "subsidiary": {"id": tables.subsidiaries.id_of(entity)},
        "currency": {"id": tables.currencies.id_of(doc["currency"])},
        "defaultTaxReg": doc.get("tax_registration"),
        "addressBook": {"items": [_address_book_line(doc["address"])]},
    }


def _address_book_line(address: Doc) -> Fields:
    return {
        "label": "Billing",
        "defaultBilling": True,
        "addressBookAddress": {
            "addr1": address["street"],
            "city": address["city"],
            "zip": address["postal_code"],
            "country": {"id": address["country"]},
        },
    }


def to_client(row: Row, tables: Tables) -> Fields:
    return {
        "id": row.get("externalid"),
        "name": row.get("companyname"),
        "legal_entity": tables.subsidiaries.word_of(row.get("subsidiary")),
        "currency": tables.currencies.word_of(row.get("currency")),
        "tax_registration": row.get("defaulttaxreg"),
        "address": {
            "street": row.get("addr1", ""),
            "city": row.get("city", ""),
            "postal_code": row.get("zip", ""),
            "country": row.get("country", ""),
        },
    }


def from_project(doc: Doc, links: Links, tables: Tables, settings: NetSuiteSettings) -> Fields:
    return {
        "companyName": doc["name"],
        "parent": _reference(links, "client", doc["client_id"]),
        "subsidiary": {"id": tables.subsidiaries.id_of(doc["legal_entity"])},
        "currency": {"id": tables.currencies.id_of(doc["currency"])},
        "startDate": doc["starts_on"],
        "projectedEndDate": _last_day(doc.get("ends_on")),
        "jobBillingType": {"id": settings.project_billing_type},
        "allowTime": True,
    }


def to_project(row: Row, tables: Tables) -> Fields:
    return {
        "id": row.get("externalid"),
        "client_id": row.get("clientid"),
        "name": row.get("companyname"),
        "legal_entity": tables.subsidiaries.word_of(row.get("subsidiary")),
        "currency": tables.currencies.word_of(row.get("currency")),
        "starts_on": row.get("startson"),
        "ends_on": _day_after(row.get("lastday")),
    }


def from_work_element(doc: Doc, links: Links) -> Fields:
    return {
        "title": doc["name"],
        "project": _reference(links, "project", doc["project_id"]),
        "estimatedWork": Decimal(doc["planned_hours"]),
        "constraintType": {"id": "FIXEDSTART"},
        "startDateTime": f"{doc['starts_on']}T00:00:00Z",
        "finishByDate": _last_day(doc.get("ends_on")),
    }


def to_work_element(row: Row, tables: Tables, ours: Doc) -> Fields:
    fields = {
        "id": row.get("externalid"),
        "project_id": row.get("projectid"),
        "name": row.get("title"),
        "legal_entity": tables.subsidiaries.word_of(row.get("subsidiary")),
        "planned_hours": _spelled(ours.get("planned_hours"), row.get("estimatedwork")),
        "starts_on": row.get("startson"),
        "ends_on": _day_after(row.get("lastday")),
    }
    if "serviceitem" in row:  # there once a billing rule priced the task
        fields["service_line"] = tables.items.word_of(row["serviceitem"])
    return fields


def from_billing_price(doc: Doc, item: str, settings: NetSuiteSettings) -> Fields:
    """The task's half of a billing rule: what an hour on it costs the client."""
    line = {
        "resource": {"id": settings.billing_resource},
        "serviceItem": {"id": item},
        "unitPrice": Decimal(doc["rate"]["amount"]),
    }
    return {"assignee": {"items": [line]}}


def from_billing_rule(doc: Doc, links: Links, settings: NetSuiteSettings) -> Fields:
    """The schedule's half: whose rule it is, since when, and that actual work is billed."""
    if (doc["strategy"], doc["unit"]) != ("time_and_materials", "hour"):
        raise sdk.Blocked(
            f"NetSuite is set up here for time and materials by the hour, not for {doc['strategy']} by the "
            f"{doc['unit']}: bill this line elsewhere or extend the mapping.",
            code="MAPPING_MISSING",
        )
    return {
        "name": doc["work_element_id"],
        "job": _reference(links, "project", doc["project_id"]),
        "scheduleType": {"id": settings.schedule_type},
        "billForActuals": True,
        "seriesStartDate": doc["valid_from"],
    }


def to_billing_rule(row: Row, tables: Tables, ours: Doc) -> Fields:
    return {
        "id": row.get("externalid"),
        "work_element_id": row.get("name"),
        "project_id": row.get("projectid"),
        "legal_entity": tables.subsidiaries.word_of(row.get("subsidiary")),
        "strategy": "time_and_materials" if row.get("billforactuals") == "T" else "NetSuite schedule",
        "rate": _price(ours.get("rate"), row.get("unitprice"), tables.currencies.word_of(row.get("currency"))),
        "valid_from": row.get("validfrom"),
    }


def from_time_charge(doc: Doc, links: Links, item: str, tables: Tables) -> Fields:
    return {
        "employee": {"id": tables.employees.id_of(doc["resource_id"])},
        "customer": _reference(links, "project", doc["project_id"]),
        "caseTaskEvent": _reference(links, "work_element", doc["work_element_id"]),
        "subsidiary": {"id": tables.subsidiaries.id_of(doc["legal_entity"])},
        "item": {"id": item},
        "tranDate": doc["work_date"],
        "hours": doc["hours"],
        "isBillable": True,
        "rate": Decimal(doc["rate"]["amount"]),
        "overrideRate": True,
        "approvalStatus": {"id": TIME_APPROVED},
        "memo": doc.get("narrative", ""),
    }


def to_time_charge(row: Row, tables: Tables, ours: Doc) -> Fields:
    return {
        "id": row.get("externalid"),
        "work_element_id": row.get("taskid"),
        "project_id": row.get("projectid"),
        "legal_entity": tables.subsidiaries.word_of(row.get("subsidiary")),
        "resource_id": tables.employees.word_of(row.get("employee")),
        "work_date": row.get("workdate"),
        "hours": _spelled(ours.get("hours"), row.get("hours")),
        "rate": _price(ours.get("rate"), row.get("rate"), tables.currencies.word_of(row.get("currency"))),
        "narrative": row.get("memo", ""),
    }


def from_invoice(doc: Doc, links: Links, item_of: Mapping[str, str], tables: Tables) -> Fields:
    """Pending approval, and without line amounts: NetSuite multiplies itself, so that a wrong sum of ours shows."""
    entity = doc["legal_entity"]
    tax_code = tables.tax_codes.id_of(doc["tax_code"], entity=entity)
    project = _reference(links, "project", doc["project_id"])
    return {
        "entity": _reference(links, "client", doc["client_id"]),
        "job": project,
        "subsidiary": {"id": tables.subsidiaries.id_of(entity)},
        "currency": {"id": tables.currencies.id_of(doc["currency"])},
        "tranDate": doc["invoice_date"],
        "approvalStatus": {"id": PENDING},
        "item": {
            "items": [
                {
                    "item": {"id": item_of[line["work_element_id"]]},
                    "job": project,
                    "description": line["description"],
                    "quantity": Decimal(line["quantity"]),
                    "rate": Decimal(line["unit_price"]),
                    "taxCode": {"id": tax_code},
                }
                for line in doc["lines"]
            ]
        },
    }


def to_invoice(rows: Sequence[Row], tables: Tables, ours: Doc) -> Fields:
    """Item and tax lines are credits, hence negative in NetSuite; an invoice tells them positive."""
    main = next(row for row in rows if row.get("mainline") == "T")
    items = [row for row in rows if row.get("mainline") == "F" and row.get("taxline") == "F"]
    taxes = [row for row in rows if row.get("taxline") == "T"]
    currency = tables.currencies.word_of(main.get("currency")) or ""
    entity = tables.subsidiaries.word_of(main.get("subsidiary"))
    net = -sum((Decimal(row.get("foreignamount", "0")) for row in items), Decimal(0))
    tax = -sum((Decimal(row.get("foreignamount", "0")) for row in taxes), Decimal(0))
    return {
        "id": main.get("externalid"),
        "project_id": main.get("projectid"),
        "client_id": main.get("clientid"),
        "legal_entity": entity,
        "currency": currency,
        "invoice_date": main.get("invoicedate"),
        "tax_code": _common({tables.tax_codes.word_of(row.get("taxcode"), entity=entity or "") for row in items}),
        "tax_rate": _tax_rate(ours.get("tax_rate"), {row.get("taxrate1") for row in items}),
        "lines": _lines(items, ours.get("lines", ()), currency),
        "net": _amount(ours.get("net"), net, currency),
        "tax": _amount(ours.get("tax"), tax, currency),
        "total": _amount(ours.get("total"), Decimal(main.get("foreigntotal", "0")), currency),
    }


def _lines(rows: Sequence[Row], ours: Sequence[Doc], currency: str) -> list[Fields]:
    lines = []
    for n, row in enumerate(rows):
        own = ours[n] if n < len(ours) else {}
        lines.append(
            {
                "position": own.get("position", n + 1),
                "description": row.get("memo", ""),
                "quantity": _spelled(own.get("quantity"), _positive(row.get("quantity"))),
                "unit_price": _spelled(own.get("unit_price"), row.get("rate")),
                "amount": _amount(own.get("amount"), -Decimal(row.get("foreignamount", "0")), currency),
                "charge_ids": own.get("charge_ids", []),
                "work_element_id": own.get("work_element_id", ""),
            }
        )
    return lines


def to_posting(row: Row, tables: Tables, ours: Doc) -> Fields:
    """NetSuite posts into a period, not on a day: our day is confirmed when it lies in that period."""
    day, currency = ours.get("posting_date"), tables.currencies.word_of(row.get("currency")) or ""
    inside = day is not None and row.get("periodstart", "9") <= day <= row.get("periodend", "")
    return {
        "id": ours.get("id"),
        "invoice_id": row.get("externalid"),
        "legal_entity": tables.subsidiaries.word_of(row.get("subsidiary")),
        "total": _amount(ours.get("total"), Decimal(row.get("foreigntotal", "0")), currency),
        "posting_date": day if inside else row.get("invoicedate"),
    }


def to_ledger_line(row: Row, tables: Tables) -> sdk.LedgerLine:
    currency = tables.currencies.word_of(row.get("currency")) or ""
    debit, credit = (sdk.Money.of(row.get(side, "0"), currency).rounded() for side in ("debit", "credit"))
    return sdk.LedgerLine(account=row["acctnumber"], debit=debit, credit=credit)


def _reference(links: Links, kind: str, key: str) -> Fields:
    """By internal id when we know it; the external id is the same record otherwise."""
    link = links.get(f"{kind}/{key}")
    return {"id": link.id} if link is not None else {"externalId": key}


def _last_day(ends_on: str | None) -> str | None:
    """Our ranges end before a day; NetSuite's end on one."""
    return None if ends_on is None else (date.fromisoformat(ends_on) - _ONE_DAY).isoformat()


def _day_after(last_day: str | None) -> str | None:
    return None if last_day is None else (date.fromisoformat(last_day) + _ONE_DAY).isoformat()


def _spelled(ours: str | None, theirs: str | None) -> str | None:
    """The same number in our spelling (7.50 is 7.5); another number as NetSuite tells it."""
    if ours is not None and theirs is not None and Decimal(ours) == Decimal(theirs):
        return ours
    return theirs


def _positive(theirs: str | None) -> str | None:
    return None if theirs is None else str(-Decimal(theirs))


def _amount(ours: Doc | None, theirs: Decimal, currency: str) -> Fields:
    """To the currency's minor unit, never rounding a difference away."""
    exact = sdk.Money.of(theirs, currency) if len(currency) == 3 else None
    if exact is not None and exact.rounded().amount == theirs:
        theirs = exact.rounded().amount
    return {"amount": _spelled(ours["amount"] if ours else None, str(theirs)), "currency": currency}


def _price(ours: Doc | None, theirs: str | None, currency: str | None) -> Fields | None:
    if theirs is None:
        return None
    return {"amount": _spelled(ours["amount"] if ours else None, theirs), "currency": currency}


def _common(words: set[str | None]) -> str | None:
    """The one word that all lines share; several are told together, so that they never compare equal."""
    return words.pop() if len(words) == 1 else ", ".join(sorted(str(word) for word in words))


def _tax_rate(ours: str | None, percents: set[str | None]) -> str | None:
    """NetSuite tells 20, the document 0.20."""
    if None in percents or len(percents) != 1:
        return _common(percents)
    return _spelled(ours, str(Decimal(str(percents.pop())) / 100))

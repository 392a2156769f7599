"""Pure mapping between canonical documents and Tryton's records. MAPPING.md gives the reason for every oddity."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from tieline import sdk
from tieline.connectors.tryton.settings import CompanySettings

Row = dict[str, Any]
ONE_DAY = timedelta(days=1)
PRICE_DIGITS = 4  # Tryton's [product] price_decimal
QUANTITY_DIGITS = 2  # digits of the hour unit


def missing(what: str, value: str, where: str) -> sdk.Blocked:
    return sdk.Blocked(
        f"Tryton has no {what} for {value}: add it under {where} in the connection's settings.", code="MAPPING_MISSING"
    )


def from_address(address: Row, country: int) -> Row:
    return {
        "street": address["street"],
        "city": address["city"],
        "postal_code": address["postal_code"],
        "country": country,
        "invoice": True,
    }


def to_client(row: Row) -> Row:
    """A party in canonical fields; the address is the one that invoices go to."""
    address = invoice_address(row)
    doc: Row = {"name": row["name"]}
    if address is not None:
        doc["address"] = {
            "street": address["street"] or "",
            "city": address["city"] or "",
            "postal_code": address["postal_code"] or "",
            "country": (address["country"] or {}).get("code") or "",
        }
    return doc


def invoice_address(row: Row) -> Row | None:
    addresses: list[Row] = row["addresses"] or []
    return next((address for address in addresses if address["invoice"]), addresses[0] if addresses else None)


def from_project(project: Row, marker: str, company: CompanySettings, party: int) -> Row:
    if project["currency"] != company.currency:
        raise sdk.Blocked(
            f"Tryton keeps this legal entity's projects in {company.currency}, the contract is in {project['currency']}: "
            "let the project live in another system or change the contract's legal entity.",
            code="CURRENCY_NOT_CARRIED",
        )
    return {
        "type": "project",
        "company": company.id,
        "party": party,
        "name": project["name"],
        "comment": marker,
        "project_invoice_method": "manual",  # Tryton never bills by itself: the hub is the one biller
    }


def to_project(row: Row, legal_entity: str) -> Row:
    return {"name": row["name"], "legal_entity": legal_entity, "currency": row["company"]["currency"]["code"]}


def from_work_element(element: Row, company: CompanySettings) -> Row:
    """What an update may change as well; a new one also gets parent, company and marker."""
    product = company.products.get(element["service_line"])
    if product is None:
        raise missing(
            "product", f"service line {element['service_line']}", f"companies.{element['legal_entity']}.products"
        )
    ends_on = element.get("ends_on")
    return {
        "name": element["name"],
        "product": product,
        "effort_duration": as_duration(Decimal(element["planned_hours"])),
        "timesheet_available": True,
        "timesheet_start_date": date.fromisoformat(element["starts_on"]),
        # Tryton's end is the last day, ours the first day after.
        "timesheet_end_date": date.fromisoformat(ends_on) - ONE_DAY if ends_on else None,
    }


def to_work_element(row: Row, element: Row, company: CompanySettings) -> Row:
    last_day = row["timesheet_end_date"]
    lines = {product: line for line, product in company.products.items()}
    product = row["product"]
    return {
        "name": row["name"],
        "legal_entity": element["legal_entity"],
        "service_line": lines.get(product["id"], "") if product else "",
        "planned_hours": as_written(as_hours(row["effort_duration"]), element["planned_hours"]),
        "starts_on": row["timesheet_start_date"],
        "ends_on": (date.fromisoformat(last_day) + ONE_DAY).isoformat() if last_day else None,
    }


def from_time_charge(charge: Row, marker: str, company: int, employee: int, work: int) -> Row:
    return {
        "company": company,
        "employee": employee,
        "date": date.fromisoformat(charge["work_date"]),
        "work": work,
        "duration": as_duration(Decimal(charge["hours"])),
        "description": " ".join([marker, *charge.get("narrative", "").split()]),
    }


def to_time_charge(row: Row, charge: Row, company: CompanySettings) -> Row:
    people = {employee: resource for resource, employee in company.employees.items()}
    employee = row["employee"]
    return {
        "legal_entity": charge["legal_entity"],
        "resource_id": people.get(employee["id"]) or employee["party"]["code"],
        "work_date": row["date"],
        "hours": as_written(as_hours(row["duration"]), charge["hours"]),
    }


def from_invoice(invoice: Row, marker: str, company: CompanySettings, currency: int, party: int, address: int) -> Row:
    lines = [from_line(line, invoice, company, currency) for line in invoice["lines"]]
    return {
        "type": "out",
        "company": company.id,
        "currency": currency,
        "party": party,
        "invoice_address": address,
        "account": company.receivable_account,
        "journal": company.journal,
        "payment_term": company.payment_term,
        "reference": marker,
        "invoice_date": date.fromisoformat(invoice["invoice_date"]),
        "lines": [["create", lines]],
    }


def from_line(line: Row, invoice: Row, company: CompanySettings, currency: int) -> Row:
    """Quantity times price where Tryton's own rounding gives our amount, else one piece at our amount."""
    if (taxes := company.taxes.get(invoice["tax_code"])) is None:
        raise missing("tax", f"tax code {invoice['tax_code']}", f"companies.{invoice['legal_entity']}.taxes")
    quantity, price = Decimal(line["quantity"]), Decimal(line["unit_price"])
    amount = Decimal(line["amount"]["amount"])
    description, unit = line["description"], company.hour_unit
    if not _carries(quantity, price, amount):
        description, unit = f"{description} ({quantity:f} × {price:f})", None
        quantity, price = Decimal(1), amount
    return {
        "type": "line",
        "company": company.id,
        "currency": currency,
        "account": company.revenue_account,
        "description": description,
        "quantity": float(quantity),
        "unit": unit,
        "unit_price": price,
        "taxes": [["add", taxes]],
        "sequence": line["position"],
    }


def _carries(quantity: Decimal, price: Decimal, amount: Decimal) -> bool:
    """Tryton rounds halves to even, the invoice halves away from zero (EX-0.1); both digits are limited."""
    if _digits(quantity) > QUANTITY_DIGITS or _digits(price) > PRICE_DIGITS:
        return False
    return (quantity * price).quantize(amount, rounding=ROUND_HALF_EVEN) == amount


def _digits(number: Decimal) -> int:
    return max(0, -int(number.normalize().as_tuple().exponent))


def to_invoice(row: Row, legal_entity: str) -> Row:
    """Tryton's own sums, so that comparing them with ours proves something."""
    currency = row["currency"]["code"]
    return {
        "id": row["reference"],
        "legal_entity": legal_entity,
        "currency": currency,
        "invoice_date": row["invoice_date"],
        "net": to_money(row["untaxed_amount"], currency),
        "tax": to_money(row["tax_amount"], currency),
        "total": to_money(row["total_amount"], currency),
    }


def to_posting(row: Row, legal_entity: str) -> Row:
    return {
        "invoice_id": row["reference"],
        "legal_entity": legal_entity,
        "total": to_money(row["total_amount"], row["currency"]["code"]),
        "posting_date": row["move"]["date"],
    }


def to_ledger_line(row: Row, currency: str) -> sdk.LedgerLine:
    account = row["account"]
    return sdk.LedgerLine(
        account=f"{account['code']} {account['name']}",
        debit=sdk.Money(row["debit"], currency).rounded(),
        credit=sdk.Money(row["credit"], currency).rounded(),
    )


def to_money(amount: Decimal, currency: str) -> sdk.Json:
    return sdk.plain(sdk.Money(amount, currency).rounded())


def as_duration(hours: Decimal) -> timedelta:
    """To the microsecond; a third of an hour has no exact seconds in either system."""
    return timedelta(microseconds=int((hours * 3_600_000_000).to_integral_value()))


def as_hours(duration: timedelta | None) -> Decimal:
    return Decimal((duration or timedelta()) // timedelta(microseconds=1)) / 1_000_000 / 3600


def as_written(hours: Decimal, ours: str) -> str:
    """Our own spelling where the hours are ours, since documents are compared by spelling.

    Ours takes the same way through microseconds, so that a third of an hour comes back as itself.
    """
    return ours if hours == as_hours(as_duration(Decimal(ours))) else f"{hours.normalize():f}"


def same_rate(price: Decimal, currency: str, ours: Row) -> Row:
    """The rate in our spelling if it is ours, else as Tryton has it."""
    same = currency == ours["currency"] and price == Decimal(ours["amount"])
    return dict(ours) if same else {"amount": f"{price.normalize():f}", "currency": currency}

"""The rehearsal firm in Tryton: Northwind Advisory with two legal entities, their books, prices, people and keys."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from tieline.entrypoints.rehearsal.tryton_rpc import Rpc

COUNTRIES = {
    "AT": "Austria", "CH": "Switzerland", "DE": "Germany", "ES": "Spain", "FR": "France", "GB": "United Kingdom",
    "IE": "Ireland", "IT": "Italy", "NL": "Netherlands", "PL": "Poland", "SE": "Sweden", "US": "United States",
}  # fmt: skip
PRODUCTS = {"DATA": ("Data engineering", "180"), "CLOUD": ("Cloud engineering", "190")}
GROUPS = (
    "Accounting",
    "Party Administration",
    "Project Administration",
    "Timesheet Administration",
)  # what the integration user needs, nothing more


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    code: str
    name: str
    currency: str
    country: str
    people: tuple[tuple[str, str], ...]  # resource id, name


ENTITIES = (
    Entity(
        code="DE01",
        name="Northwind Advisory GmbH",
        currency="EUR",
        country="DE",
        people=(("res_ada", "Ada Lang"), ("res_bo", "Bo Chen"), ("res_cleo", "Cleo Marsh")),
    ),
    Entity(
        code="US01",
        name="Northwind Advisory Inc.",
        currency="USD",
        country="US",
        people=(("res_dana", "Dana Reyes"), ("res_eli", "Eli Novak")),
    ),
)


def seed(rpc: Rpc, today: date) -> dict[str, Any]:
    """Fill an empty database. Returns every id and key that a connection needs."""
    years = (today.year - 1, today.year, today.year + 1)
    currencies = {
        "USD": _currency(rpc, "USD", "US Dollar", "$", "840", "1", years[0]),
        "EUR": _currency(rpc, "EUR", "Euro", "€", "978", "0.9", years[0]),
    }
    countries = {code: rpc.create("country.country", {"code": code, "name": name}) for code, name in COUNTRIES.items()}
    term = _net_30(rpc)
    companies = {entity.code: _company(rpc, entity, currencies, years) for entity in ENTITIES}
    _open_all(rpc, [company["id"] for company in companies.values()])
    products = _products(rpc, companies)
    for entity in ENTITIES:
        companies[entity.code]["payment_term"] = term
        companies[entity.code]["products"] = products
        companies[entity.code]["employees"] = _people(rpc, entity, companies[entity.code]["id"])
    everywhere = [company["id"] for company in companies.values()]
    return {
        "currencies": currencies,
        "countries": countries,
        "journal": rpc.one("account.journal", [("code", "=", "REV")]),
        "hour": rpc.data_id("product", "uom_hour"),
        "companies": companies,
        "key": _key(rpc, "tieline", everywhere),
        "controller_key": _key(rpc, "controller", everywhere, (*GROUPS, "Accounting Administration")),
        "keys": {code: _key(rpc, f"tieline-{code.lower()}", [company["id"]]) for code, company in companies.items()},
    }


def _currency(rpc: Rpc, code: str, name: str, symbol: str, number: str, rate: str, year: int) -> int:
    values = {
        "code": code, "name": name, "symbol": symbol, "numeric_code": number, "digits": 2, "rounding": Decimal("0.01"),
        "rates": [("create", [{"date": date(year, 1, 1), "rate": Decimal(rate)}])],
    }  # fmt: skip
    return rpc.create("currency.currency", values)


def _net_30(rpc: Rpc) -> int:
    after_30_days = {"type": "remainder", "relativedeltas": [("create", [{"days": 30}])]}
    return rpc.create("account.invoice.payment_term", {"name": "Net 30", "lines": [("create", [after_30_days])]})


def _company(rpc: Rpc, entity: Entity, currencies: dict[str, int], years: tuple[int, ...]) -> dict[str, Any]:
    party = rpc.create("party.party", {"name": entity.name, "code": entity.code})
    company = rpc.create("company.company", {"party": party, "currency": currencies[entity.currency]})
    rpc.write("res.user", rpc.user_id, {"companies": [("add", [company])], "company": company})
    rpc.reload_context()
    accounts = _chart(rpc, company)
    return {
        "id": company,
        "name": entity.name,
        "currency": entity.currency,
        "accounts": accounts,
        "fiscal_years": [_fiscal_year(rpc, company, year) for year in years],
        "taxes": {"STANDARD": _vat(rpc, company, entity, accounts["tax"])},
        "category": None,
    }


def _open_all(rpc: Rpc, companies: list[int]) -> None:
    rpc.write("res.user", rpc.user_id, {"company": companies[0], "company_filter": "all"})
    rpc.reload_context()


def _chart(rpc: Rpc, company: int) -> dict[str, int]:
    template = rpc.data_id("account", "account_template_root_en")
    first = {"account": {"company": company, "account_template": template}}
    # The wizard's last form would need ids that its second step makes; the defaults are written below instead.
    rpc.wizard("account.create_chart", [("account", {}), ("create_account", first)], company=company)
    usable = [("company", "=", company), ("closed", "!=", True)]  # headings of the chart are closed accounts
    accounts = {
        kind: rpc.one("account.account", [(f"type.{kind}", "=", True), *usable], company=company)
        for kind in ("receivable", "payable", "revenue", "expense")
    }
    accounts["tax"] = _output_vat(rpc, company)
    defaults = {
        "default_account_receivable": accounts["receivable"],
        "default_account_payable": accounts["payable"],
        "default_category_account_revenue": accounts["revenue"],
        "default_category_account_expense": accounts["expense"],
    }
    rpc.write("account.configuration", 1, defaults, company=company)
    return accounts


def _output_vat(rpc: Rpc, company: int) -> int:
    """The template chart has no account for tax that is owed: one beside its other current liabilities."""
    beside = rpc.one("account.account", [("code", "=", "2.2.3"), ("company", "=", company)], company=company)
    values = {
        "name": "Output VAT", "code": "2.2.9", "company": company,
        "type": rpc.field("account.account", beside, "type"), "parent": rpc.field("account.account", beside, "parent"),
    }  # fmt: skip
    return rpc.create("account.account", values, company=company)


def _fiscal_year(rpc: Rpc, company: int, year: int) -> int:
    def sequence(kind: str) -> int:
        of_type = rpc.one("ir.sequence.type", [("name", "=", kind)])
        values = {"name": f"{kind} {year}", "sequence_type": of_type, "company": company, "prefix": f"{year}-"}
        return rpc.create("ir.sequence.strict", values, company=company)

    invoices = sequence("Invoice")
    directions = ("out_invoice", "in_invoice", "out_credit_note", "in_credit_note")
    numbering = {"company": company, **{f"{direction}_sequence": invoices for direction in directions}}
    values = {
        "name": str(year),
        "start_date": date(year, 1, 1),
        "end_date": date(year, 12, 31),
        "company": company,
        "move_sequence": sequence("Account Move"),
        "invoice_sequences": [("create", [numbering])],
    }
    fiscal_year = rpc.create("account.fiscalyear", values, company=company)
    rpc.press("account.fiscalyear", "create_period", fiscal_year, company=company)
    return fiscal_year


def _vat(rpc: Rpc, company: int, entity: Entity, account: int) -> int:
    values = {
        "name": f"VAT 20 % {entity.code}", "description": "VAT 20 %", "type": "percentage", "rate": Decimal("0.20"),
        "company": company, "invoice_account": account, "credit_note_account": account,
    }  # fmt: skip
    return rpc.create("account.tax", values, company=company)


def _products(rpc: Rpc, companies: dict[str, dict[str, Any]]) -> dict[str, int]:
    """One product per service line, shared by the legal entities; its accounting category differs per company."""
    category = rpc.create("product.category", {"name": "Services", "accounting": True})
    for company in companies.values():
        values = {
            "account_revenue": company["accounts"]["revenue"],
            "account_expense": company["accounts"]["expense"],
        }
        rpc.write("product.category", category, values, company=company["id"])
        company["category"] = category
    return {code: _product(rpc, code, name, price, category) for code, (name, price) in PRODUCTS.items()}


def _product(rpc: Rpc, code: str, name: str, price: str, category: int) -> int:
    template = rpc.create(
        "product.template",
        {
            "name": name, "code": code, "type": "service", "default_uom": rpc.data_id("product", "uom_hour"),
            "list_price": Decimal(price), "cost_price_method": "fixed", "account_category": category,
            "products": [("create", [{}])],
        },
    )  # fmt: skip
    return rpc.one("product.product", [("template", "=", template)])


def _people(rpc: Rpc, entity: Entity, company: int) -> dict[str, int]:
    """The resource id is the person's party code, so that a connection finds people without a list."""
    return {
        code: rpc.create(
            "company.employee",
            {"party": rpc.create("party.party", {"name": name, "code": code}), "company": company},
            company=company,
        )
        for code, name in entity.people
    }


def _key(rpc: Rpc, login: str, companies: list[int], names: tuple[str, ...] = GROUPS) -> str:
    """A user of the REST application who may use these companies only."""
    groups = [rpc.one("res.group", [("name", "=", name)]) for name in names]
    values = {
        "login": login, "name": "Tieline", "password": secrets.token_urlsafe(24),
        # Without the filter "all" Tryton would hide every company but the user's current one, whatever a call names.
        "companies": [("add", companies)], "company": companies[0], "company_filter": "all", "groups": [("add", groups)],
    }  # fmt: skip
    user = rpc.create("res.user", values)
    # `state` must not be given; the key appears once the record exists.
    application = rpc.create("res.user.application", {"user": user, "application": "rest"})
    return str(rpc.field("res.user.application", application, "key"))

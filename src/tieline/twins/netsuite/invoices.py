"""What the account computes by itself for an invoice: line amounts, tax, total, and the ledger lines when it posts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tieline.kit.money import minor_units, round_half_away

PENDING, APPROVED = "1", "2"
RECEIVABLES, TAX_PAYABLE = "1200", "2200"

Doc = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How this account computes. `off` makes the total wrong by that much, as a surprise tax rule would."""

    rounding: str = "document"  # or "line"
    off: Decimal = Decimal(0)


def computed(invoice: Doc, currency: str, rate_of: Callable[[str], Decimal], rules: Rules) -> Doc:
    """The invoice with its amounts. What the caller said about sums is not believed."""
    digits = minor_units(currency)
    lines = [_line(n, line, digits, rate_of) for n, line in enumerate(invoice.get("item", []), start=1)]
    taxes = _taxes(lines, digits, rules)
    net = sum((Decimal(line["amount"]) for line in lines), Decimal(0))
    tax = sum(taxes.values(), Decimal(0))
    figures = {"subtotal": str(net), "taxTotal": str(tax), "total": str(net + tax)}
    stated = {code: str(amount) for code, amount in taxes.items()}
    return {**invoice, "item": lines, **figures, "amountRemaining": str(net + tax), "_taxes": stated}


def _line(position: int, line: Doc, digits: int, rate_of: Callable[[str], Decimal]) -> Doc:
    quantity, rate = Decimal(line.get("quantity", "1")), Decimal(line.get("rate", "0"))
    amount = Decimal(line["amount"]) if "amount" in line else round_half_away(quantity * rate, digits)
    percent = rate_of(line["taxCode"]["id"]) if "taxCode" in line else Decimal(0)
    return {**line, "line": str(position), "quantity": str(quantity), "amount": str(amount), "taxRate1": str(percent)}


def _taxes(lines: list[Doc], digits: int, rules: Rules) -> dict[str, Decimal]:
    """Tax by tax code: on the summed base, or line by line where the account is set up so."""
    groups: dict[str, list[Doc]] = {}
    for line in lines:
        if "taxCode" in line:
            groups.setdefault(line["taxCode"]["id"], []).append(line)
    taxes = {code: _tax(group, digits, rules.rounding) for code, group in groups.items()}
    if taxes and rules.off:
        first = next(iter(taxes))
        taxes[first] += rules.off
    return taxes


def _tax(lines: list[Doc], digits: int, rounding: str) -> Decimal:
    if rounding == "line":
        single = (Decimal(line["amount"]) * Decimal(line["taxRate1"]) / 100 for line in lines)
        return sum((round_half_away(tax, digits) for tax in single), Decimal(0))
    base = sum((Decimal(line["amount"]) for line in lines), Decimal(0))
    return round_half_away(base * Decimal(lines[0]["taxRate1"]) / 100, digits)


def ledger(invoice: Doc, base_currency: str, revenue_account: Callable[[str], str]) -> list[Doc]:
    """Balanced accounting lines in the base currency: revenue by account, tax by code, and the receivable as their sum."""
    factor, digits = Decimal(invoice.get("exchangeRate", "1")), minor_units(base_currency)
    credits: dict[str, Decimal] = {}
    for line in invoice["item"]:
        account = revenue_account(line["item"]["id"])
        credits[account] = credits.get(account, Decimal(0)) + Decimal(line["amount"])
    entries = list(credits.items())
    entries += [(TAX_PAYABLE, Decimal(amount)) for amount in invoice["_taxes"].values() if Decimal(amount)]
    lines = [_entry(account, -round_half_away(amount * factor, digits)) for account, amount in entries]
    receivable = sum((Decimal(line.get("credit", "0")) - Decimal(line.get("debit", "0")) for line in lines), Decimal(0))
    return [_entry(RECEIVABLES, receivable), *lines]


def _entry(account: str, amount: Decimal) -> Doc:
    side = "debit" if amount >= 0 else "credit"
    return {"account": account, side: str(abs(amount))}

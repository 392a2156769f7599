"""The reference: what must stand in the ledger, worked out from paper and hours alone, with nothing of the product's rules.

Every entry is priced by the rate of its line on the day of work and rounded to the cent, half away from zero. An invoice is
the sum of its entries; tax is twenty percent of that sum, rounded once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from tieline.entrypoints.chaos.paper import Hours, Paper

CENT = Decimal("0.01")
TAX = Decimal("0.20")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    net: Decimal
    tax: Decimal

    @property
    def total(self) -> Decimal:
        return self.net + self.tax


def bill(paper: Paper, number: int) -> Bill:
    """What invoice `number` of this contract must come to."""
    net = sum((price(paper, one) for one in paper.hours if one.invoice == number), Decimal(0))
    return Bill(net=net, tax=(net * TAX).quantize(CENT, ROUND_HALF_UP))


def price(paper: Paper, one: Hours) -> Decimal:
    return (Decimal(one.hours) * rate(paper, one.line, one.on)).quantize(CENT, ROUND_HALF_UP)


def rate(paper: Paper, line: int, on: date) -> Decimal:
    newest = Decimal(paper.rates[line - 1])
    for change in sorted(paper.changes, key=lambda change: change.number):
        if change.line == line and change.since <= on:
            newest = Decimal(change.rate)
    return newest


def totals(papers: Iterable[Paper]) -> Bill:
    bills = [bill(paper, number) for paper in papers for number in (0, 1)]
    return Bill(net=sum((b.net for b in bills), Decimal(0)), tax=sum((b.tax for b in bills), Decimal(0)))

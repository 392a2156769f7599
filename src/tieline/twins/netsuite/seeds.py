"""What a fresh account holds: two subsidiaries, currencies, items, tax codes, people, accounts and periods.

The same shapes go to POST /_twin/seed, which adds or replaces (`{"employee": [{"id": "57", …}], …}`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

Doc = dict[str, Any]

_FIRST_YEAR, _LAST_YEAR = 2025, 2028
_CLOSED = ("2025-01", "2025-02")

REFERENCES: dict[str, list[Doc]] = {
    "currency": [
        {"id": "1", "symbol": "USD"},
        {"id": "4", "symbol": "EUR"},
        {"id": "5", "symbol": "JPY"},
        {"id": "6", "symbol": "KWD"},
    ],
    "subsidiary": [
        {"id": "2", "name": "Northwind US", "currency": {"id": "1"}},
        {"id": "3", "name": "Northwind DE", "currency": {"id": "4"}},
    ],
    "account": [
        {"id": "1200", "name": "1200"},
        {"id": "2200", "name": "2200"},
        {"id": "4001", "name": "4001"},
        {"id": "4002", "name": "4002"},
    ],
    "item": [
        {"id": "501", "name": "Data services", "account": "4001"},
        {"id": "502", "name": "Cloud services", "account": "4002"},
    ],
    "taxCode": [
        {"id": "7", "name": "STANDARD", "rate": "20"},
        {"id": "8", "name": "EXEMPT", "rate": "0"},
        {"id": "9", "name": "VAT 19", "rate": "19"},
    ],
    "employee": [
        {"id": "55", "name": "Ada Example"},
        {"id": "56", "name": "Ben Example"},
        {"id": "900", "name": "Billing rate (generic resource)"},
    ],
}
SEEDABLE = (*REFERENCES, "accountingPeriod")


def periods() -> Iterator[Doc]:
    """Months, quarters and years, and one adjustment period at the end of each year."""
    for year in range(_FIRST_YEAR, _LAST_YEAR + 1):
        yield _period(f"{year}", f"FY {year}", date(year, 1, 1), date(year, 12, 31), isYear=True)
        yield _period(f"{year}90", f"Adjust {year}", date(year, 12, 31), date(year, 12, 31), isAdjust=True)
        for quarter in range(4):
            first = date(year, 3 * quarter + 1, 1)
            last = _month_end(date(year, 3 * quarter + 3, 1))
            yield _period(f"{year}8{quarter + 1}", f"Q{quarter + 1} {year}", first, last, isQuarter=True)
        for month in range(1, 13):
            first = date(year, month, 1)
            closed = f"{first:%Y-%m}" in _CLOSED
            yield _period(f"{year}{month:02d}", f"{first:%b %Y}", first, _month_end(first), closed=closed)


def _period(id: str, name: str, first: date, last: date, **flags: bool) -> Doc:
    kinds = {"isYear": False, "isQuarter": False, "isAdjust": False, "closed": False, "arLocked": False}
    return {"id": id, "periodName": name, "startDate": str(first), "endDate": str(last), **kinds, **flags}


def _month_end(first: date) -> date:
    return (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)

"""Batches of the key-value twin: one answer for many items, all or none or row by row, and what can be wrong with it (F6).

The body is `{"items": [item, …], "all_or_none": false}`. An item with `"poison": true` is refused, always. The fault F6
takes in its `detail`: `fail` (keys that are refused), `missing` (keys that take effect and are not in the answer) and
`shuffled` (the rows come back in reverse order).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tieline.kit.canonical import Json
from tieline.kit.errors import Rejected
from tieline.twins.chassis.rules import Fault

ITEMS_MAX = 500


@dataclass(frozen=True, slots=True)
class Order:
    items: Sequence[Json]
    all_or_none: bool


def read_order(given: Json) -> Order:
    items = given.get("items") if isinstance(given, dict) else None
    if not isinstance(items, list) or not all(isinstance(i, dict) and isinstance(i.get("key"), str) for i in items):
        raise Rejected("The body must have `items`, a list of objects with a text `key` each.")
    if len(items) > ITEMS_MAX:
        raise Rejected(f"A batch takes {ITEMS_MAX} items, not {len(items)}.")
    return Order(items, given.get("all_or_none") is True)


def refusal(item: Json, fault: Fault | None) -> str | None:
    """Why this row is refused, None when it is taken."""
    failing = fault.detail.get("fail", []) if fault is not None else []
    if item.get("poison") or item["key"] in failing:
        return f"the item {item['key']} was not accepted"
    return None


def told(rows: list[Json], fault: Fault | None) -> list[Json]:
    """The rows as the answer shows them."""
    if fault is None:
        return rows
    shown = [row for row in rows if row["key"] not in fault.detail.get("missing", [])]
    return shown[::-1] if fault.detail.get("shuffled") else shown

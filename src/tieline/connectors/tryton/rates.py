"""The rates of a task. Tryton has one price per task and no dates, so the dated rates stand in the task's comment.

First line: our marker of the task. Then one line per billing rule, which people may read:
    rate 180.00 EUR/hour from 2026-01-01 [bru_…]
The list price is the rate that begins last.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

_LINE = re.compile(
    r"rate (?P<amount>\d+(?:\.\d+)?) (?P<currency>[A-Z]{3})/(?P<unit>\w+) from (?P<since>\d{4}-\d\d-\d\d) \[(?P<rule>\w+)\]"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedRate:
    rule: str
    amount: str
    currency: str
    unit: str
    since: str


def read_comment(comment: str | None) -> tuple[str, list[DatedRate]]:
    """The marker and the rates of a task."""
    first, *rest = (comment or "").splitlines() or [""]
    found = (_LINE.fullmatch(line.strip()) for line in rest)
    return first.strip(), [DatedRate(**match.groupdict()) for match in found if match]


def with_rate(comment: str | None, rate: DatedRate) -> str:
    """The comment with this rule's line put in or replaced; whatever people wrote stays."""
    own = f"[{rate.rule}]"
    kept = [line for line in (comment or "").splitlines() if not line.strip().endswith(own)]
    line = f"rate {rate.amount} {rate.currency}/{rate.unit} from {rate.since} {own}"
    return "\n".join([*kept, line])


def latest(rates: Sequence[DatedRate]) -> DatedRate:
    return max(rates, key=lambda rate: (rate.since, rate.rule))


def list_price(comment: str) -> Decimal:
    return Decimal(latest(read_comment(comment)[1]).amount)

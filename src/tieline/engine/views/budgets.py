"""How much of a vendor's budget is in use, what is left and what is kept for whom: one line for each budget a firm draws on.

Budgets may be shared with other firms; only their sums are told, never who holds what.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tieline.engine.budgets.criticality import Criticality
from tieline.engine.budgets.gate import KEPT
from tieline.engine.rows import Cursor, Row
from tieline.kit.canonical import Json
from tieline.ports.limits import Limits

LISTINGS_LEAST = 8  # from so many slots on one is always kept for listings; below, they get a stretch of time instead


async def budgets(cursor: Cursor, names: Iterable[str]) -> dict[str, Row]:
    """What the store knows of these budgets; one that was never drawn on is missing."""
    await cursor.execute(_SQL, {"names": sorted(set(names))})
    return {row["budget"]: row for row in await cursor.fetchall()}


def line(name: str, limits: Limits, row: Row | None) -> dict[str, Json]:
    """`row` None: nothing was ever called, so all of it is free."""
    known: dict[str, Any] = dict(row) if row else {}
    leased = min(int(known.get("leased") or 0), limits.concurrency)
    return {
        "name": name, "at_once": limits.concurrency, "leased": leased, "free": limits.concurrency - leased,
        "workers": known.get("workers") or 0, "kept_for_listings": int(limits.concurrency >= LISTINGS_LEAST),
        "paused_until": known.get("paused_until"), "reason": known.get("reason"),
        "day": _day(limits, known), "calls": known.get("calls") or 0, "turned_away": known.get("turned_away") or 0,
    }  # fmt: skip


def _day(limits: Limits, known: dict[str, Any]) -> dict[str, Json] | None:
    """The day's quota and what of it is kept: listings stop first, then notices, then states; acts may use the last call."""
    limit = known.get("day_limit") or limits.daily
    if not limit:
        return None
    used = min(int(known.get("day_used") or 0), int(limit))
    kept = {of.name.lower(): int(int(limit) * part) for of, part in sorted(KEPT.items(), reverse=True)}
    stopped = [of.name.lower() for of in sorted(Criticality, reverse=True) if _spent(int(limit) - used, int(limit), of)]
    return {"limit": int(limit), "used": used, "left": int(limit) - used, "kept_from": kept, "stopped": stopped}


def _spent(left: int, limit: int, of: Criticality) -> bool:
    """Whether calls of this class wait for tomorrow; the same rule as at the gate."""
    return left / limit <= KEPT.get(of, 0.0)


_SQL = """select b.budget, case when b.paused_until > clock_timestamp() then b.paused_until end as paused_until,
  case when b.paused_until > clock_timestamp() then b.reason end as reason, b.day_limit,
  case when b.day = (clock_timestamp() at time zone 'UTC')::date then b.day_used else 0 end as day_used,
  b.calls, b.turned_away, s.leased, s.workers
from budgets b left join lateral (
  select sum(slots)::int as leased, count(*) filter (where slots > 0)::int as workers
  from budget_shares where budget = b.budget and until > clock_timestamp()) as s on true
where b.budget = any(%(names)s)"""

"""Slots of a vendor's budget, shared between workers through the store: one question twice a second, none per call."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from tieline.engine.budgets.circuit import probe_after_s
from tieline.engine.budgets.gate import Gate, Tally
from tieline.engine.rows import Row, as_json
from tieline.ports.limits import Sighting

TTL_S = 2.0  # for so long a share is valid, and a killed worker's slots are missed
RENEW_S = 0.5
BATCH_LEAST = 16


@dataclass(frozen=True, slots=True)
class Asked:
    """What one gate says to the store, and how to take it back when the store was not reached."""

    gate: Gate
    row: dict[str, Any]
    told: Tally


def ask(gate: Gate, more: int, sighting: Sighting | None, now: float, *, background: bool = False) -> Asked:
    """From here on the gate starts nothing beyond what it says it keeps."""
    told, gate.tally, gate.asked_at = gate.tally, Tally(), now
    returned, gate.batch = gate.batch or 0, 0 if gate.batch is not None else None
    wanted, quota = gate.demand(more), sighting is not None or gate.limits.daily is not None or gate.day_left < 1
    row = {
        "budget": gate.budget, "limit": gate.limits.concurrency, "keep": gate.kept(), "wanted": wanted,
        "learned": gate.learned.most(gate.limits.concurrency), "linger_s": round(gate.linger_s(now), 3),
        "daily": gate.limits.daily, "returned": returned, "extra": told.extra, "calls": told.calls,
        "batch": max(BATCH_LEAST, 2 * told.calls + wanted) if quota else BATCH_LEAST, "turned_away": told.turned_away,
        "pause_s": round(told.pause_s, 3), "pause_reason": told.pause_reason,
        "day_used": sighting.day_used if sighting else None, "day_limit": sighting.day_limit if sighting else None,
        "background": background,
    }  # fmt: skip
    return Asked(gate, row, told)


async def renew(connection: AsyncConnection[Any], worker: str, asked: Sequence[Asked], asked_at: float) -> None:
    """Raises psycopg.Error; then the shares simply end where they would have ended."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_RENEW, (worker, TTL_S, as_json([each.row for each in asked])))
        answers = {row["budget"]: row for row in await cursor.fetchall()}
    for each in asked:
        row = answers[each.row["budget"]]
        each.gate.granted(
            row["slots"], row["share"], row["batch"], float(row["day_left"]), asked_at + TTL_S, asked_at
        )  # fmt: skip
        if row["paused_s"] and row["paused_s"] > 0:
            each.gate.paused_until = max(each.gate.paused_until, asked_at + float(row["paused_s"]))


async def leave(connection: AsyncConnection[Any], worker: str) -> None:
    await connection.execute("select leave_budgets(%s)", (worker,))


async def open_circuits(connection: AsyncConnection[Any]) -> dict[tuple[str, str], Row]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute("select * from open_circuits()")
        return {(row["tenant_id"], row["system"]): row for row in await cursor.fetchall()}


async def turn_circuit(
    connection: AsyncConnection[Any], key: tuple[str, str], state: str, reason: str, worker: str, failures: int
) -> None:
    after_s = probe_after_s(failures, random.random())
    await connection.execute(
        "select turn_circuit(%s, %s, %s, %s, %s, %s::numeric)", (*key, state, reason, worker, round(after_s, 3))
    )


async def take_probe(connection: AsyncConnection[Any], key: tuple[str, str], worker: str, failures: int) -> bool:
    every_s = probe_after_s(failures, random.random())
    found = await connection.execute("select take_probe(%s, %s, %s, %s::numeric)", (*key, worker, round(every_s, 3)))
    row = await found.fetchone()
    return bool(row and row[0])


_RENEW = "select * from renew_budgets(%s, %s::numeric, %s::jsonb)"

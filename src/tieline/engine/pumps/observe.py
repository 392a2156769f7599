"""Read-back: what the system was seen to hold, compared with what was planned. Only equality makes a replica in step."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import AsyncConnection

from tieline.engine.crashpoints import crash_point
from tieline.engine.holds import lift_subjects, raise_holds
from tieline.engine.lanes import wake
from tieline.engine.leases import Leases, fence_sent
from tieline.engine.pumps.envelopes import envelope_of
from tieline.engine.pumps.outcomes import Stored, lanes_concerned, push_hold
from tieline.engine.rows import Cursor, Row, ask, tenant_transaction, write
from tieline.engine.verdict import Verdict, backoff, judge_read
from tieline.kit.canonical import Json, plain
from tieline.ports.landscape import TenantSetup
from tieline.ports.systems import Observed, System

STALE_READS_MAX = 6  # a read that lags behind our write is asked again before anybody is told
READ_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One replica as read: `seen` None is gone, `failed` means that the read itself did not work."""

    replica: Row
    seen: Observed | None = None
    failed: Verdict | None = None


async def ask_written(cursor: Cursor, tenant: str, replica_ids: Sequence[str]) -> Cursor:
    """Replicas to read back. Their queue rows stay until the reading is stored: a crash only repeats the read."""
    return await ask(cursor, _WRITTEN, (tenant, list(replica_ids)))


async def load_written(cursor: Cursor, tenant: str, replica_ids: Sequence[str]) -> list[Row]:
    """`ask_written`, waited for."""
    return await (await ask_written(cursor, tenant, replica_ids)).fetchall() if replica_ids else []


async def read_back(system: System, tenant: str, rows: Sequence[Row]) -> list[Reading]:
    """One call for many replicas of one kind."""
    try:
        async with asyncio.timeout(READ_TIMEOUT_S):
            seen = await system.read([envelope_of(tenant, row, "put") for row in rows])
    except Exception as error:  # a read has no effect: ask again later
        return [Reading(replica=row, failed=judge_read(error, row["attempts"])) for row in rows]
    return [Reading(replica=row, seen=observed) for row, observed in zip(rows, seen, strict=True)]


def unequal(planned: Json, seen: Json) -> dict[str, Any]:
    """Fields that the system carries and that differ: {field: {"planned", "seen"}}."""
    return {f: {"planned": planned.get(f), "seen": value} for f, value in seen.items() if planned.get(f) != value}


async def flush_readings(
    connection: AsyncConnection[Any], leases: Leases, setup: TenantSetup, readings: Sequence[Reading], now: datetime
) -> Stored:
    """Store what was seen. Raises LeaseLost."""
    async with tenant_transaction(connection, setup.tenant) as cursor:
        fenced = await fence_sent(cursor, leases, {r.replica["shard"] for r in readings})
        locked = await ask(cursor, _LOCK, (setup.tenant, sorted(r.replica["replica_id"] for r in readings)))
        await fenced.check()
        current = {row["replica_id"]: row for row in await locked.fetchall()}
        moves = [_move(r, current[r.replica["replica_id"]], now) for r in readings]
        await write(cursor, _SEEN, moves, setup.tenant)
        await _no_more_due(cursor, setup.tenant, [m["replica_id"] for m in moves if m["again_at"] is None])
        await write(cursor, _AGAIN, [m for m in moves if m["again_at"] is not None], setup.tenant)
        told = [m for m in moves if m["problem"] and m["tell"]]
        holds = [
            push_hold(setup, current[m["replica_id"]], m["problem"]["code"], m["problem"]["detail"], m["difference"])
            for m in told
        ]
        await raise_holds(cursor, setup.tenant, holds)
        await lift_subjects(cursor, setup.tenant, "push", [m["replica_id"] for m in moves if m["status"] == "in_step"])
        lanes = await lanes_concerned(cursor, setup.tenant, [m for m in moves if m["wakes"]])
        quiet = lanes - await _busy_lanes(cursor, setup.tenant, lanes)
        await wake(cursor, setup.tenant, quiet)
        crash_point("before_observe_commit")
    crash_point("after_observe_commit")
    return Stored(woken=bool(quiet))


async def _no_more_due(cursor: Cursor, tenant: str, replica_ids: Sequence[str]) -> None:
    if replica_ids:
        await cursor.execute(_DONE, (tenant, list(replica_ids)))


async def _busy_lanes(cursor: Cursor, tenant: str, lanes: set[str]) -> set[str]:
    """Lanes with calls under way: each of those ends in a wake-up of its own, so one planning sees all that is confirmed.

    One reader of a lane at a time: two that finish at once would each take the other for the one that is still under way.
    """
    if not lanes:
        return set()
    await cursor.execute(_ONE_BY_ONE, (tenant, sorted(lanes)))
    await cursor.execute(_BUSY, (tenant, sorted(lanes)))
    return {row["planned_by"] for row in await cursor.fetchall()}


def _move(reading: Reading, row: Row, now: datetime) -> dict[str, Any]:
    move: dict[str, Any] = {
        "replica_id": row["replica_id"], "lane": row["lane"], "planned_by": row["planned_by"], "status": row["status"],
        "confirmed_revision": row["confirmed_revision"], "observed": plain(reading.seen.doc) if reading.seen else None,
        "external": _external(reading, row), "attempts": row["attempts"] + 1, "problem": None, "tell": False,
        "again_at": None, "wakes": False, "difference": None,
    }  # fmt: skip
    if row["status"] not in ("written", "differs") or row["revision"] != reading.replica["revision"]:
        return move | {
            "attempts": row["attempts"]
        }  # a newer revision is on its way: what was seen says nothing about it
    if reading.failed is not None:
        verdict = reading.failed
        problem = {"code": verdict.code, "detail": verdict.detail}
        again_at = now + timedelta(seconds=verdict.delay_s)
        return move | {"again_at": again_at, "problem": problem, "tell": verdict.tell, "wakes": row["attempts"] == 0}
    difference = (
        unequal(row["doc"], move["observed"]) if reading.seen else {"document": {"planned": "present", "seen": "gone"}}
    )
    if not difference:
        return move | {"status": "in_step", "confirmed_revision": row["settled_revision"], "wakes": True, "attempts": 0}
    return move | _differs(row, reading, difference, now)


def _differs(row: Row, reading: Reading, difference: dict[str, Any], now: datetime) -> dict[str, Any]:
    if row["attempts"] + 1 < STALE_READS_MAX:
        again_at = now + timedelta(seconds=backoff(row["attempts"], 5.0))
        return {"again_at": again_at, "difference": difference, "wakes": row["attempts"] == 0}
    code = "READBACK_DIFFERS" if reading.seen else "MISSING_IN_SYSTEM"
    fields = ", ".join(f"{f} is {v['seen']}, planned {v['planned']}" for f, v in sorted(difference.items()))
    problem = {"code": code, "detail": f"the {row['kind']} {row['key']} was read back and differs: {fields}"}
    return {"status": "differs", "problem": problem, "tell": True, "wakes": True, "difference": difference}


def _external(reading: Reading, row: Row) -> Json:
    """What the read says, over what the write said: an ERP's document number may come from either."""
    if reading.seen is None:
        return row["external"]
    known, seen = row["external"] or {}, plain(reading.seen.ref)
    return known | {k: v for k, v in seen.items() if v} | {"extra": (known.get("extra") or {}) | (seen["extra"] or {})}


_WRITTEN = """select r.*,
  (select jsonb_object_agg(d.kind || '/' || d.key, d.external) from replicas d
    where d.tenant_id = r.tenant_id and d.replica_id = any(r.after) and d.external is not null) as links
from replicas r where r.tenant_id = %s and r.replica_id = any(%s)"""
_LOCK = "select * from replicas where tenant_id = %s and replica_id = any(%s) order by replica_id for update"
_SEEN = """update replicas p set status = r.status, confirmed_revision = r.confirmed_revision,
  observed = coalesce(r.observed, p.observed), observed_at = now(), external = r.external, attempts = r.attempts,
  problem = r.problem, updated_at = now()
from (select %s::text as tenant_id, x.* from jsonb_to_recordset(%s::jsonb) as x(replica_id text, status text,
  confirmed_revision int, observed jsonb, external jsonb, attempts int, problem jsonb)) r
where p.tenant_id = r.tenant_id and p.replica_id = r.replica_id"""
_ONE_BY_ONE = """select pg_advisory_xact_lock(key) from (
  select hashtextextended(%s || '/' || lane, 7) as key from unnest(%s::text[]) as lane order by lane) as ordered"""
_BUSY = """select distinct planned_by from replicas
where tenant_id = %s and planned_by = any(%s) and (status = 'sending' or (status = 'written' and attempts = 0))"""
# What is told by `step` is not told to the planner: how many rows have which step changes faster than its statistics.
_DONE = "delete from due where tenant_id = %s and replica_id = any(%s) and step = 'observe'"
_AGAIN = """update due d set due_at = case d.step when 'observe' then r.again_at else d.due_at end
from (select %s::text as tenant_id, x.* from jsonb_to_recordset(%s::jsonb) as x(replica_id text, again_at timestamptz)) r
where d.tenant_id = r.tenant_id and d.replica_id = r.replica_id"""

"""A backlog of due replicas against a system that answers at once: replicas a second, and the memory of the worker.

Each is claimed, written down as an intent, sent in a batch, settled, read back and confirmed: the engine's own limit.
Beside it `limit_per_s`: a bare loop on the same server that stores an intent before each call and the outcome after it,
and nothing else: no plan, no order, no fence, no fairness, no queue.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from typing import Any, LiteralString

import psycopg

from tieline.entrypoints.bench.filling import fill, filler, settled, unindexed
from tieline.entrypoints.bench.ground import (
    BATCH,
    SYSTEM,
    TENANT,
    FreeSystem,
    Ground,
    Stopwatch,
    ground,
    peak_memory,
    rss_mb,
)  # fmt: skip
from tieline.entrypoints.bench.progress import Progress
from tieline.ports.systems import Envelope

REPLICAS = 100_000
LANES = 1_000
WHOLE = 10  # of each lane: what belongs to the contract as a whole; the rest are its hours, which come in parts
BARE, BARE_HANDS = 50_000, 8
MEMORY_MB_MAX = 256
Say = Callable[[str], None]


async def measure(say: Say, size: int = REPLICAS) -> dict[str, Any]:
    """All figures of the drain; a hundred thousand take about a minute and a half."""
    async with ground() as g:
        say(f"laying out {size:,} due replicas")
        await lay_out(g, size, say)
        before = rss_mb()
        seconds, peak = await drain(g, size, say)
        say("the limit: a bare loop that stores intent and outcome")
        limit = await bare(g, min(size, BARE))
    per_s = size / seconds
    return {
        "replicas": size, "contracts": min(LANES, size), "seconds": round(seconds, 2), "replicas_per_s": round(per_s, 1),
        "limit_per_s": round(limit, 1), "ratio": round(per_s / limit, 3), "calls": g.system.calls,
        "rss_before_mb": before, "rss_mb": peak, "rss_mb_bar": MEMORY_MB_MAX,
    }  # fmt: skip


async def lay_out(g: Ground, size: int, say: Say, prefix: str = "r", *, due: bool = True) -> None:
    """Replicas that are planned, over a thousand lanes in all shards; `due` at once, or later by `make_due`."""
    given = {"tenant": TENANT, "lanes": LANES, "whole": WHOLE * LANES, "prefix": prefix, "system": SYSTEM}
    progress = Progress(what="laying out", total=2 * size if due else size, say=say)
    async with filler(g.conninfo) as admin:
        await admin.execute(_LANES, given)
        fresh = not await g.count("select 1 from replicas limit 1")
        async with unindexed(admin, ["replicas"], size if fresh else 0):
            await fill(admin, [_REPLICAS], given, size, progress)
        if due:
            await fill(admin, [_DUE], given, size, progress)
        await settled(admin, ["replicas", "due", "lanes"])


async def make_due(g: Ground, size: int, prefix: str = "r") -> None:
    """All at one instant."""
    given = {"tenant": TENANT, "lanes": LANES, "prefix": prefix, "system": SYSTEM, "first": 1, "last": size}
    await g.admin.execute(_DUE, given)


async def drain(g: Ground, size: int, say: Say) -> tuple[float, float]:
    """(seconds until the last of `size` replicas was confirmed, the largest memory seen)."""
    before = g.system.seen
    progress, watch, worker = Progress(what="draining", total=size, say=say), Stopwatch(), g.another_worker()
    work = asyncio.create_task(worker.run())
    async with peak_memory() as peak:
        try:
            while (g.system.seen - before < size or worker.pump.under_way) and not work.done():
                await asyncio.sleep(0.05)
                progress.at(g.system.seen - before)
            seconds = watch.s
        finally:
            worker.stop()
            await work
    await all_in_step(g)
    return seconds, peak()


async def all_in_step(g: Ground) -> None:
    """Nothing is due and nothing is unfinished: what the figures are worth depends on it."""
    left = await g.count("select 1 from replicas where status <> 'in_step' limit 1")
    assert not left and not await g.count("select 1 from due limit 1"), "something is left that is not in step"


async def bare(g: Ground, size: int) -> float:
    """Documents a second of a loop that keeps nothing but what is needed to find out after a crash what was sent."""
    await g.admin.execute(
        "create table bare_effects (key text primary key, payload jsonb not null, state text not null)"
    )
    run, system, waiting = secrets.token_hex(3), FreeSystem(), iter(range(0, size, BATCH))
    watch = Stopwatch()
    async with asyncio.TaskGroup() as group:
        for _ in range(BARE_HANDS):
            group.create_task(_bare_hand(g.conninfo, system, run, size, waiting))
    return size / watch.s


async def _bare_hand(conninfo: str, system: FreeSystem, run: str, size: int, waiting: Iterator[int]) -> None:
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        for start in waiting:
            batch = [_envelope(run, n) for n in range(start, min(start + BATCH, size))]
            keys = [envelope.key for envelope in batch]
            await connection.execute(_INTEND, (keys,))
            await system.put_many(batch)
            await connection.execute(_STATE, ("ok", keys))
            await system.read(batch)
            await connection.execute(_STATE, ("seen", keys))


def _envelope(run: str, number: int) -> Envelope:
    key = f"{run}{number}"
    return Envelope(kind="value", document_key=key, key=key, doc={"value": number}, marker=key, revision=1)


_LANES: LiteralString = """insert into lanes (tenant_id, lane, shard)
select %(tenant)s, 'lane:' || n, n %% 256 from generate_series(0, %(lanes)s - 1) as n on conflict do nothing"""
_REPLICAS: LiteralString = """insert into replicas (tenant_id, replica_id, lane, shard, system, kind, key, role,
  legal_entity, nature, doc, digest, status, config_version, planned_by, next_actor, latest_at, part)
select %(tenant)s, %(system)s || '/value/' || %(prefix)s || n, 'lane:' || n %% %(lanes)s, (n %% %(lanes)s) %% 256, %(system)s,
  'value', %(prefix)s || n, 'store', 'E1', 'state', jsonb_build_object('value', n), '\\x00', 'pending', '1',
  'lane:' || n %% %(lanes)s, %(system)s, now() + interval '4 hours', case when n > %(whole)s then 'day/' || n / 4 end
from generate_series(%(first)s::int, %(last)s) as n"""
_DUE: LiteralString = """insert into due (tenant_id, replica_id, system, shard, step)
select %(tenant)s, %(system)s || '/value/' || %(prefix)s || n, %(system)s, (n %% %(lanes)s) %% 256, 'push'
from generate_series(%(first)s::int, %(last)s) as n"""
_INTEND: LiteralString = """insert into bare_effects (key, payload, state)
select k, jsonb_build_object('value', k), 'intent' from unnest(%s::text[]) as k"""
_STATE: LiteralString = "update bare_effects set state = %s where key = any(%s)"

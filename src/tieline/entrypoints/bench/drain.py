"""A backlog of due replicas against a system that answers at once: replicas a second, and the memory of the worker.

Each is claimed, written down as an intent, sent in a batch, settled, read back and confirmed: the engine's own limit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from tieline.entrypoints.bench.ground import SYSTEM, TENANT, Ground, Stopwatch, ground, rss_mb

REPLICAS = 100_000
LANES = 1_000
MEMORY_MB_MAX = 256
Say = Callable[[str], None]


async def measure(say: Say, size: int = REPLICAS) -> dict[str, Any]:
    """All figures of the drain; a hundred thousand take about two minutes."""
    async with ground() as g:
        say(f"laying out {size:,} due replicas")
        await lay_out(g, size)
        say("draining")
        seconds, peak = await drain(g, size)
    return {
        "replicas": size, "seconds": round(seconds, 2), "replicas_per_s": round(size / seconds, 1),
        "calls": g.system.calls, "rss_mb": peak, "rss_mb_bar": MEMORY_MB_MAX,
    }  # fmt: skip


async def lay_out(g: Ground, size: int, prefix: str = "r") -> None:
    """Replicas that are planned and due, over a thousand lanes in all shards."""
    await g.admin.execute(_LANES, {"tenant": TENANT, "lanes": LANES})
    given = {"tenant": TENANT, "lanes": LANES, "size": size, "prefix": prefix, "system": SYSTEM}
    await g.admin.execute(_REPLICAS, given)
    await g.admin.execute(_DUE, given)
    await g.admin.execute("analyze replicas, due, lanes")


async def drain(g: Ground, size: int) -> tuple[float, float]:
    """(seconds until nothing is due any more, the largest memory seen)."""
    peak, watch = rss_mb(), Stopwatch()
    work = asyncio.create_task(g.worker.run())
    try:
        while await g.count("select 1 from due limit 1"):
            await asyncio.sleep(0.1)
            peak = max(peak, rss_mb())
    finally:
        seconds = watch.s
        g.worker.stop()
        await work
    done = await g.count("select 1 from replicas where status = 'in_step'")
    assert done >= size, f"{done} of {size} are in step"
    return seconds, peak


_LANES = """insert into lanes (tenant_id, lane, shard)
select %(tenant)s, 'lane:' || n, n %% 256 from generate_series(0, %(lanes)s - 1) as n on conflict do nothing"""
_REPLICAS = """insert into replicas (tenant_id, replica_id, lane, shard, system, kind, key, role, legal_entity, nature, doc,
  digest, status, config_version, planned_by, next_actor)
select %(tenant)s, %(system)s || '/value/' || %(prefix)s || n, 'lane:' || n %% %(lanes)s, (n %% %(lanes)s) %% 256, %(system)s,
  'value', %(prefix)s || n, 'store', 'E1', 'state', jsonb_build_object('value', n), '\\x00', 'pending', '1',
  'lane:' || n %% %(lanes)s, %(system)s
from generate_series(1, %(size)s) as n"""
_DUE = """insert into due (tenant_id, replica_id, system, shard, step)
select %(tenant)s, %(system)s || '/value/' || %(prefix)s || n, %(system)s, (n %% %(lanes)s) %% 256, 'push'
from generate_series(1, %(size)s) as n"""

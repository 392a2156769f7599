"""From a signed contract to a project that can be billed, read back: how many a second, and how far from the limit.

The limit is measured in the same run: the very calls that the hub sent, sent again by a bare loop with the same client,
the same number under way, that does nothing but commit the answers in batches.
"""

from __future__ import annotations

import asyncio
import resource
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tieline import bootstrap
from tieline.adapters.postgres import roles
from tieline.entrypoints.bench.firm import TENANT, Measured, agreements, measured_firm, running
from tieline.entrypoints.bench.recording import Call, Recorder
from tieline.entrypoints.demo.stage import register_receiver

LATENCY_MS = 20.0
CONTRACTS = 400
LIGHT = 40
LIGHT_GAP_S = 0.25
UNDER_WAY = 48
BATCH = 200
DEPTH = 8  # calls one after another: fetch, match client, client, project, element, rule (two), read-back
Say = Callable[[str], None]


async def measure(say: Say) -> dict[str, Any]:
    """All figures of the activation benchmark; takes about a minute."""
    with measured_firm(LATENCY_MS) as firm:
        settings = bootstrap.read_settings(firm.config)
        recorder = Recorder()
        async with bootstrap.hub(settings, around=recorder.around) as hub:
            async with running(hub) as url:
                register_receiver(firm.clm, f"{url}/hooks/{TENANT}/ironclad")
                say(f"light load: {LIGHT} contracts, one every {LIGHT_GAP_S} s")
                light = await _light(hub, firm)
                recorder.calls.clear()
                say(f"full load: {CONTRACTS} contracts signed at once")
                took = await _full(hub, firm)
                calls = list(recorder.calls)
            say(f"the limit: the same {len(calls)} calls by a bare loop")
            limit = await _bare(calls, hub.cluster.conninfo(roles.ADMIN))
    return _figures(took, len(calls), limit, light)


async def _light(hub: bootstrap.Hub, firm: Measured) -> list[float]:
    records = await _seeded(firm, LIGHT)
    for record in records:
        await asyncio.to_thread(firm.clm.control, f"sign/{record}", {})
        await asyncio.sleep(LIGHT_GAP_S)
    await _activated(hub, LIGHT)
    return await _durations(hub)


async def _full(hub: bootstrap.Hub, firm: Measured) -> float:
    """Seconds from the first signature to the last activated contract."""
    before = len(await _durations(hub))
    records = await _seeded(firm, CONTRACTS)
    started = time.monotonic()
    await asyncio.to_thread(firm.clm.control, "sign-all", {"ids": records})
    await _activated(hub, before + CONTRACTS)
    return time.monotonic() - started


async def _seeded(firm: Measured, count: int) -> list[str]:
    records = agreements(count, secrets.token_hex(3))
    await asyncio.to_thread(firm.clm.control, "seed", {"records": records})
    return [str(record["id"]) for record in records]


async def _activated(hub: bootstrap.Hub, count: int) -> None:
    """Watch without disturbing: one small count, four times a second."""
    end = time.monotonic() + 180
    async with await psycopg.AsyncConnection.connect(hub.cluster.conninfo(roles.ADMIN), autocommit=True) as connection:
        while (done := await _count(connection)) < count:
            if time.monotonic() > end:
                raise TimeoutError(f"only {done} of {count} contracts were activated in 180 s")
            await asyncio.sleep(0.25)


async def _count(connection: psycopg.AsyncConnection[Any]) -> int:
    row = await (await connection.execute(_ACTIVE)).fetchone()
    return int(row[0]) if row else 0


async def _durations(hub: bootstrap.Hub) -> list[float]:
    """Seconds from the acceptance of the webhook to the fact that the contract is active."""
    async with await psycopg.AsyncConnection.connect(
        hub.cluster.conninfo(roles.ADMIN), row_factory=dict_row
    ) as connection:
        rows = await (await connection.execute(_DURATIONS)).fetchall()
    return [float(row["s"]) for row in rows]


async def _bare(calls: Sequence[Call], conninfo: str) -> float:
    """Seconds for the same calls, their answers committed in batches."""
    waiting: asyncio.Queue[Call | None] = asyncio.Queue()
    for call in [*calls, *([None] * UNDER_WAY)]:
        waiting.put_nowait(call)
    answers: list[tuple[str, int]] = []
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        await connection.execute("create table bare_answers (path text, status int)")
        started = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for _ in range(UNDER_WAY):
                group.create_task(_caller(waiting, answers, connection))
        await _commit(connection, answers)
        return time.monotonic() - started


async def _caller(waiting: asyncio.Queue[Call | None], answers: list[tuple[str, int]], connection: Any) -> None:
    while (call := await waiting.get()) is not None:
        answers.append((call.path, (await call.again()).status))
        if len(answers) >= BATCH:
            batch, answers[:] = list(answers), []
            await _commit(connection, batch)


async def _commit(connection: psycopg.AsyncConnection[Any], rows: Sequence[tuple[str, int]]) -> None:
    columns = ([path for path, _ in rows], [status for _, status in rows])
    await connection.execute("insert into bare_answers select * from unnest(%s::text[], %s::int[])", columns)


def _figures(took: float, calls: int, limit_s: float, light: Sequence[float]) -> dict[str, Any]:
    ranked = sorted(light)
    p50, p99 = ranked[len(ranked) // 2], ranked[min(len(ranked) - 1, int(len(ranked) * 0.99))]
    return {
        "contracts": CONTRACTS, "vendor_latency_ms": LATENCY_MS, "under_way": UNDER_WAY,
        "calls_per_activation": round(calls / CONTRACTS, 2), "per_s": round(CONTRACTS / took, 1),
        "calls_per_s": round(calls / took, 1), "limit_calls_per_s": round(calls / limit_s, 1),
        "ratio": round(limit_s / took, 3), "p50_ms": round(p50 * 1000, 1), "p99_ms": round(p99 * 1000, 1),
        "light_load_samples": len(light), "critical_path_depth": DEPTH,
        "p50_bar_ms": DEPTH * LATENCY_MS + 60,
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }  # fmt: skip


_ACTIVE = "select count(*) from events where type = 'dev.tieline.contract.activated.v1'"
_DURATIONS = """select extract(epoch from e.recorded_at - i.received_at) as s from events e
join inputs i on i.tenant_id = e.tenant_id and i.correlation_id = e.correlation_id
where e.type = 'dev.tieline.contract.activated.v1'"""

"""A backlog drained through fifteen places of which a stranger holds four, three to five by turns: how much of the rest is
used, and how often we are turned away. Nobody tells the hub about the stranger.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import Any

import psycopg

from tieline import bootstrap
from tieline.adapters.postgres import roles
from tieline.entrypoints.bench.firm import TENANT, Measured, agreements, measured_firm, running
from tieline.entrypoints.bench.recording import Watch
from tieline.entrypoints.demo.stage import register_receiver

LATENCY_MS = 120.0
PLACES, STRANGER = 15, (4, 3, 5)  # the stranger's calls, each for `CHANGE_S`
CHANGE_S = 4.0
CONTRACTS = 250
PATIENCE_S = 240.0
_COUNTED = ("/services/rest/record", "/services/rest/query")
Say = Callable[[str], None]


async def measure(say: Say) -> dict[str, Any]:
    """All figures; takes about a minute."""
    with measured_firm(LATENCY_MS, pool=PLACES, at_once=PLACES) as firm:
        firm.erp.control("pool", {"size": PLACES, "outside": STRANGER[0]})
        settings, watch = bootstrap.read_settings(firm.config), Watch(_COUNTED)
        async with bootstrap.hub(settings, around=watch.around) as hub, running(hub) as url:
            register_receiver(firm.clm, f"{url}/hooks/{TENANT}/ironclad")
            say(f"{CONTRACTS} contracts, {PLACES} places at the ERP, {LATENCY_MS:.0f} ms a call")
            stranger = asyncio.create_task(_come_and_go(firm))
            try:
                began = await sign(firm, CONTRACTS)
                await activated(hub, TENANT, CONTRACTS)
            finally:
                stranger.cancel()
    return _figures(began, watch)


async def sign(firm: Measured, count: int) -> float:
    """Contracts signed as fast as the CLM takes it; returns the instant of the first."""
    records = agreements(count, secrets.token_hex(3))
    await asyncio.to_thread(firm.clm.control, "seed", {"records": records})
    began = time.monotonic()
    await asyncio.to_thread(lambda: [firm.clm.control(f"sign/{record['id']}", {}) for record in records])
    return began


async def activated(hub: bootstrap.Hub, tenant: str, count: int) -> None:
    end = time.monotonic() + PATIENCE_S
    async with await psycopg.AsyncConnection.connect(hub.cluster.conninfo(roles.ADMIN), autocommit=True) as connection:
        while True:
            row = await (await connection.execute(_ACTIVE, (tenant,))).fetchone()
            if row is not None and row[0] >= count:
                return
            if time.monotonic() > end:
                raise TimeoutError(f"only {row and row[0]} of {count} contracts were activated in {PATIENCE_S:.0f} s")
            await asyncio.sleep(0.25)


async def _come_and_go(firm: Measured) -> None:
    turn = 0
    while True:
        await asyncio.sleep(CHANGE_S)
        turn += 1
        await asyncio.to_thread(firm.erp.control, "pool", {"outside": STRANGER[turn % len(STRANGER)]})


def _figures(began: float, watch: Watch) -> dict[str, Any]:
    good = [(end, seconds) for end, seconds, turned_away in watch.calls if not turned_away]
    took = max(end for end, _ in good) - min(end - seconds for end, seconds in good)
    latency = sum(seconds for _, seconds in good) / len(good)
    free = PLACES - sum(STRANGER) / len(STRANGER)
    turned_away = len(watch.calls) - len(good)
    return {
        "contracts": CONTRACTS, "calls": len(good), "took_s": round(took, 2), "latency_ms": round(latency * 1000, 1),
        "places_free": round(free, 2), "t_min_s": round(len(good) * latency / free, 2),
        "efficiency": round(len(good) * latency / free / took, 3),
        "efficiency_at_nominal_latency": round(len(good) * LATENCY_MS / 1000 / free / took, 3),
        "turned_away": turned_away, "turned_away_ratio": round(turned_away / len(watch.calls), 4),
    }  # fmt: skip


_ACTIVE = "select count(*) from events where tenant_id = %s and type = 'dev.tieline.contract.activated.v1'"

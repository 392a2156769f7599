"""Two firms on one hub with one subscription of an ERP: what the quiet one feels while the other hands in everything at once.

The quiet firm signs one contract at a time, first alone, then beside the noisy firm's backlog; compared are the seconds from
the acceptance of its webhook to the activated contract.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tieline import bootstrap
from tieline.adapters.postgres import roles
from tieline.entrypoints.bench.firm import TENANT, Measured, agreements, measured_firm, running
from tieline.entrypoints.bench.shared import activated
from tieline.entrypoints.demo.stage import register_receiver

QUIET = "southwind"
LATENCY_MS = 120.0
AT_ONCE = 15
BACKLOG = 300
SAMPLES, GAP_S = 24, 0.8
LEAD_S = 4.0  # the backlog is well under way before the quiet firm comes
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoFirms:
    noisy: Measured
    quiet: Measured
    config: Path


@contextlib.contextmanager
def two_firms() -> Iterator[TwoFirms]:
    """Each with a CLM of its own; both at the first one's ERP, under one budget."""
    with measured_firm(LATENCY_MS, at_once=AT_ONCE) as noisy, measured_firm(LATENCY_MS, at_once=AT_ONCE) as quiet:
        whole = json.loads(noisy.config.read_text())
        first = whole["tenants"][TENANT]
        second = json.loads(quiet.config.read_text())["tenants"][TENANT]
        first["systems"]["netsuite"]["budget"] = "netsuite-prod"
        second["systems"]["netsuite"] = first["systems"]["netsuite"]
        whole["tenants"][QUIET] = second
        config = noisy.folder / "both.yaml"
        config.write_text(json.dumps(whole))
        yield TwoFirms(noisy=noisy, quiet=quiet, config=config)


async def measure(say: Say) -> dict[str, Any]:
    """All figures; takes about a minute and a half."""
    with two_firms() as firms:
        settings = bootstrap.read_settings(firms.config)
        async with bootstrap.hub(settings) as hub, running(hub) as url:
            register_receiver(firms.noisy.clm, f"{url}/hooks/{TENANT}/ironclad")
            register_receiver(firms.quiet.clm, f"{url}/hooks/{QUIET}/ironclad")
            say(f"{SAMPLES} contracts of a quiet firm, alone")
            await _one_by_one(firms.quiet)
            await activated(hub, QUIET, SAMPLES)
            alone = await _durations(hub)
            say(f"the same beside {BACKLOG} contracts of another firm at once")
            backlog = asyncio.create_task(_all_at_once(firms.noisy))
            await asyncio.sleep(LEAD_S)
            await _one_by_one(firms.quiet)
            left = BACKLOG - await _count(hub, TENANT)
            await activated(hub, QUIET, 2 * SAMPLES)
            beside = (await _durations(hub))[SAMPLES:]
            await backlog
            await activated(hub, TENANT, BACKLOG)
    return _figures(alone, beside, left)


async def _one_by_one(firm: Measured) -> None:
    for record in await _seeded(firm, SAMPLES):
        await asyncio.to_thread(firm.clm.control, f"sign/{record}", {})
        await asyncio.sleep(GAP_S)


async def _all_at_once(firm: Measured) -> None:
    records = await _seeded(firm, BACKLOG)
    await asyncio.to_thread(lambda: [firm.clm.control(f"sign/{record}", {}) for record in records])


async def _seeded(firm: Measured, count: int) -> list[str]:
    records = agreements(count, secrets.token_hex(3))
    await asyncio.to_thread(firm.clm.control, "seed", {"records": records})
    return [str(record["id"]) for record in records]


async def _count(hub: bootstrap.Hub, tenant: str) -> int:
    async with await psycopg.AsyncConnection.connect(hub.cluster.conninfo(roles.ADMIN)) as connection:
        row = await (await connection.execute(_ACTIVE, (tenant,))).fetchone()
    return int(row[0]) if row else 0


async def _durations(hub: bootstrap.Hub) -> list[float]:
    """Seconds per contract of the quiet firm, in the order of their webhooks."""
    async with await psycopg.AsyncConnection.connect(hub.cluster.conninfo(roles.ADMIN)) as connection:
        rows = await (await connection.execute(_DURATIONS, (QUIET,))).fetchall()
    return [float(row[0]) for row in rows]


def _figures(alone: Sequence[float], beside: Sequence[float], left: int) -> dict[str, Any]:
    return {
        "samples": SAMPLES, "backlog": BACKLOG, "backlog_left_at_the_end": left, "vendor_latency_ms": LATENCY_MS,
        "at_once": AT_ONCE, "alone_p50_ms": _ms(alone, 0.5), "alone_p99_ms": _ms(alone, 0.99),
        "beside_p50_ms": _ms(beside, 0.5), "beside_p99_ms": _ms(beside, 0.99),
        "p99_ratio": round(_ms(beside, 0.99) / _ms(alone, 0.99), 2),
    }  # fmt: skip


def _ms(seconds: Sequence[float], part: float) -> float:
    ranked = sorted(seconds)
    return round(ranked[min(len(ranked) - 1, int(len(ranked) * part))] * 1000, 1)


_ACTIVE = "select count(*) from events where tenant_id = %s and type = 'dev.tieline.contract.activated.v1'"
_DURATIONS = """select extract(epoch from e.recorded_at - i.received_at) from events e
join inputs i on i.tenant_id = e.tenant_id and i.correlation_id = e.correlation_id
where e.tenant_id = %s and e.type = 'dev.tieline.contract.activated.v1' order by i.received_at"""

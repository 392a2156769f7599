"""Ten times what the hub can work off, handed in at its edge: what is still finished, how fast it answers, whom it refuses.

Store, edge and worker are processes of their own; the ERP answers at once; facts are approved hours of contracts that the
hub knows, each of which becomes a charge in the ERP and is read back. `peak` is what is finished while nobody sends and
plenty waits; `calm` is the edge at that very rate; then come ten times as many. A person's orders go on all the while.
Load, edge, worker, store and ERP share the cores of this machine.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx2
import psycopg

from tieline import bootstrap
from tieline.entrypoints.bench.apart import Apart, Part, apart
from tieline.entrypoints.bench.firm import TENANT, Measured, agreements, measured_firm
from tieline.entrypoints.bench.storm import ms
from tieline.entrypoints.demo.checks import contract_id, line_id
from tieline.entrypoints.demo.stage import register_receiver
from tieline.kit.errors import Unavailable

BACKLOG = 20_000
CONTRACTS, ORDERED = 60, 8  # those that are worked on, and those of which invoices are ordered
FACTS_EACH = 50  # of those that wait, before there are more contracts
TIMES = 10
PEAK_S, CALM_S, STORM_S = 20.0, 12.0, 40.0
FILL_PER_S = 3_000
CONNECTIONS = 200
ORDER_EVERY_S = 0.5
PATIENCE_S = 120.0
GOODPUT_MIN, P99_RATIO_MAX = 0.8, 3.0
Say = Callable[[str], None]


@dataclass(slots=True)
class Orders:
    """A person's orders, one after another: each is answered yes, or it was shed."""

    took: list[float] = field(default_factory=list)
    shed: list[str] = field(default_factory=list)

    async def give(self, url: str, key: str, contracts: Sequence[str]) -> None:
        today = datetime.now(UTC).date().isoformat()
        async with httpx2.AsyncClient(base_url=url, timeout=10.0) as http:
            for number in range(1_000_000):
                path = f"/process/v1/contracts/{contracts[number % len(contracts)]}/invoices"
                headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": f'"{secrets.token_hex(8)}"'}
                began = time.monotonic()
                try:
                    answer = await http.post(path, json={"through": today, "invoice_date": today}, headers=headers)
                    self._keep(answer, time.monotonic() - began)
                except httpx2.RequestError as error:
                    self.shed.append(type(error).__name__)
                await asyncio.sleep(ORDER_EVERY_S)

    def _keep(self, answer: httpx2.Response, seconds: float) -> None:
        if answer.is_success:
            self.took.append(seconds)
        else:
            self.shed.append(f"{answer.status_code} {answer.text[:80]}")


@dataclass(slots=True, kw_only=True)
class Scene:
    firm: Measured
    hub: Apart
    edge: Part
    worker: Part
    admin: psycopg.AsyncConnection[Any]
    about: list[dict[str, str]]
    ordered: list[str]

    async def count(self, sql: str) -> int:
        row = await (await self.admin.execute(sql.encode(), (TENANT,))).fetchone()
        return int(row[0]) if row else 0

    async def storm(self, rate: float, seconds: float, facts: int = 0) -> tuple[dict[str, Any], float, float]:
        """Facts from a process of its own; what it saw, and `rates` from its first fact until the last was sent."""
        order = {
            "url": f"{self.edge.said['url']}/hooks/{TENANT}/inbox", "secret": self.firm.inbox_secret, "rate": rate,
            "seconds": seconds, "connections": CONNECTIONS, "about": self.about, "facts": facts,
        }  # fmt: skip
        path = self.firm.folder / f"storm-{secrets.token_hex(3)}.json"
        path.write_text(json.dumps(order))
        command = [sys.executable, "-m", "tieline.entrypoints.bench.storm", str(path)]
        child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        assert child.stdout is not None, "opened with a pipe"
        await child.stdout.readline()  # its facts are made, and it begins
        _, charged, applied = await self.rates(asyncio.sleep(seconds))
        output, _ = await child.communicate()
        heard: dict[str, Any] = json.loads(output)
        return heard, charged, applied

    async def rates(self, during: Awaitable[Any]) -> tuple[Any, float, float]:
        """What `during` came to, and meanwhile: charges read back a second, and facts worked in a second."""
        began, charged, applied = time.monotonic(), await self.count(_CHARGED), await self.count(_APPLIED)
        result = await during
        charged, applied = await self.count(_CHARGED) - charged, await self.count(_APPLIED) - applied
        seconds = time.monotonic() - began
        return result, charged / seconds, applied / seconds


async def measure(say: Say, size: int = BACKLOG, seconds: float = STORM_S) -> dict[str, Any]:
    """All figures of overload; `size` facts wait before it begins. Takes about two and a half minutes."""
    with measured_firm(0.0, at_once=16) as firm:
        home = bootstrap.read_settings(firm.config).home
        async with apart(firm.config, home) as hub:
            return await _measured(await _scene(firm, hub, size, say), say, size, seconds)


async def _scene(firm: Measured, hub: Apart, size: int, say: Say) -> Scene:
    """Everybody at work, and contracts that may be worked on."""
    worked_on = min(CONTRACTS, 1 + size // FACTS_EACH)
    say(f"{worked_on + ORDERED} contracts are signed")
    await hub.start("store", speaks=True)
    edge = await hub.start("edge", speaks=True)
    worker = await hub.start("worker", speaks=False)
    register_receiver(firm.clm, f"{edge.said['url']}/hooks/{TENANT}/ironclad")
    records = agreements(worked_on + ORDERED, secrets.token_hex(3))
    await asyncio.to_thread(firm.clm.control, "seed", {"records": records})
    await asyncio.to_thread(firm.clm.control, "sign-all", {"ids": [record["id"] for record in records]})
    admin = await psycopg.AsyncConnection.connect(hub.admin, autocommit=True)
    about = [{"contract_id": contract_id(r), "line_id": line_id(r, 1)} for r in records[:worked_on]]
    scene = Scene(
        firm=firm, hub=hub, edge=edge, worker=worker, admin=admin, about=about,
        ordered=[contract_id(r) for r in records[worked_on:]],
    )  # fmt: skip
    end = time.monotonic() + PATIENCE_S
    while (active := await scene.count(_ACTIVE)) < len(records):
        if time.monotonic() > end:
            raise TimeoutError(f"only {active} of {len(records)} contracts were activated in {PATIENCE_S:.0f} s")
        await asyncio.sleep(0.25)
    return scene


async def _measured(scene: Scene, say: Say, size: int, seconds: float) -> dict[str, Any]:
    say(f"{size:,} facts are handed in while no worker runs")
    await scene.worker.stop()
    fill, _, _ = await scene.storm(FILL_PER_S, size / FILL_PER_S, size)
    if fill["accepted"] < size:
        raise Unavailable(f"Only {fill['accepted']} of {size} facts were taken before it began: {fill}")
    scene.worker = await scene.hub.start("worker", speaks=False)
    say(f"peak: what is worked off in {PEAK_S:.0f} s while nobody sends")
    await _begun(scene)
    _, peak, peak_applied = await scene.rates(asyncio.sleep(min(PEAK_S, seconds)))
    rate = max(peak, 1.0)
    say(f"calm: {rate:,.0f} facts a second for {CALM_S:.0f} s")
    calm, _, _ = await scene.storm(rate, min(CALM_S, seconds))
    say(f"overload: {TIMES * rate:,.0f} facts a second for {seconds:.0f} s")
    orders = Orders()
    giving = asyncio.create_task(orders.give(scene.edge.said["url"], scene.hub.api_key, scene.ordered))
    storm, goodput, applied = await scene.storm(TIMES * rate, seconds)
    giving.cancel()
    waiting = {"intake_waiting": await scene.count(_INTAKE), "due_waiting": await scene.count(_DUE)}
    memory = {"edge_rss_mb": scene.edge.rss_mb, "worker_rss_mb": scene.worker.rss_mb}
    await scene.admin.close()
    return {
        "backlog": fill["accepted"], "peak_per_s": round(peak, 1), "peak_applied_per_s": round(peak_applied, 1),
        "calm_accepted_p99_ms": calm["accepted_p99_ms"], "times": TIMES, "seconds": seconds, **storm,
        "goodput_per_s": round(goodput, 1), "goodput_ratio": round(goodput / rate, 3), "goodput_bar": GOODPUT_MIN,
        "applied_per_s": round(applied, 1), "applied_ratio": round(applied / max(peak_applied, 1.0), 3),
        "p99_ratio": _ratio(storm["accepted_p99_ms"], calm["accepted_p99_ms"]), "p99_ratio_bar": P99_RATIO_MAX,
        "critical_orders": len(orders.took), "critical_shed": len(orders.shed), "critical_said": sorted(set(orders.shed)),
        "critical_p99_ms": ms(orders.took, 0.99), **waiting, **memory,
    }  # fmt: skip


async def _begun(scene: Scene) -> None:
    """Until the worker that was started has finished its first charges."""
    before, end = await scene.count(_CHARGED), time.monotonic() + PATIENCE_S
    while await scene.count(_CHARGED) < before + 50:
        if time.monotonic() > end:
            raise TimeoutError(f"no charge was read back in {PATIENCE_S:.0f} s")
        await asyncio.sleep(0.1)


def _ratio(one: float | None, other: float | None) -> float | None:
    return round(one / other, 2) if one and other else None


_ACTIVE = "select count(*) from events where tenant_id = %s and type = 'dev.tieline.contract.activated.v1'"
_CHARGED = "select count(*) from replicas where tenant_id = %s and kind = 'time_charge' and status = 'in_step'"
_APPLIED = "select count(*) from inputs where tenant_id = %s and system = 'inbox' and status = 'applied'"
_INTAKE = "select count(*) from intake where tenant_id = %s"
_DUE = "select count(*) from due where tenant_id = %s"

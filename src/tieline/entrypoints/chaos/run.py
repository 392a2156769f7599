"""One run: contracts travel from signature to ledger while everything is killed; then calm, quiescence, and judgement."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from tieline.entrypoints.chaos import faults
from tieline.entrypoints.chaos.children import Child, nursery
from tieline.entrypoints.chaos.client import sender
from tieline.entrypoints.chaos.evidence import Evidence, gathered, rows
from tieline.entrypoints.chaos.killer import EDGE_POINTS, WORKER_POINTS, Killer, Ledger, Role, counter, until
from tieline.entrypoints.chaos.paper import Paper, papers, unmapped
from tieline.entrypoints.chaos.stage import Stage, api_key, staged
from tieline.entrypoints.chaos.workload import Firm
from tieline.entrypoints.cli import running
from tieline.kit.errors import Unavailable

CONTRACTS = 24
SIGNED_EVERY_S = 1.3
STORE_KILLS = 6
SAFETY_S = 95.0  # after this the safety phase ends, whatever was reached
QUIET_WITHIN_S = 66.0  # V1: 60 s and the time that the rest of the work needs by itself
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    seed: int
    ledger: Ledger
    points: dict[str, int]
    evidence: Evidence
    duration_s: float


async def rehearsed(kills: int, seed: int, say: Say, contracts: int = CONTRACTS, folder: Path | None = None) -> Run:
    """At least `kills` processes are killed. Raises Unavailable when the firm's work never got through."""
    began = time.monotonic()
    with staged(folder) as stage:
        chance = random.Random(seed)
        signed = papers(contracts, seed, datetime.now(UTC).date())
        async with nursery(stage.folder / "nursery.log", [__name__]) as born:
            killer = Killer(born, stage.folder, chance, counter(lambda: stage.store.admin))
            key = await api_key(stage)
            async with sender(stage.edges, key, stage.inbox_secret, seed) as hands:
                firm = Firm(stage.clm, hands, patience_s=SAFETY_S + QUIET_WITHIN_S)
                work = asyncio.create_task(_work(firm, signed))
                try:
                    await _safety(stage, killer, work, kills, say)
                    evidence = await _liveness(stage, killer, firm, work, signed, say)
                finally:
                    work.cancel()
                    await asyncio.gather(work, return_exceptions=True)
        return Run(
            seed=seed, ledger=killer.ledger, points=dict(killer.points_hit()), evidence=evidence,
            duration_s=time.monotonic() - began,
        )  # fmt: skip


async def _work(firm: Firm, signed: list[Paper]) -> None:
    """A contract is signed about every second, so that there is always something in every stage."""
    async with asyncio.TaskGroup() as group:
        for number, paper in enumerate(signed):
            group.create_task(firm.through(paper))
            await asyncio.sleep(SIGNED_EVERY_S)
            if number == len(signed) // 2:
                await firm.sign(unmapped(paper.through[1]))


async def _safety(stage: Stage, killer: Killer, work: asyncio.Task[None], kills: int, say: Say) -> None:
    """Any faults, any deaths, until enough of both; the firm goes on working meanwhile."""
    stage.clm.faults(faults.of_the_clm(killer.chance.randrange(1000)))
    stage.erp.faults(faults.of_the_erp(killer.chance.randrange(1000)))
    end = time.monotonic() + SAFETY_S
    async with asyncio.TaskGroup() as group:
        for n, role in enumerate(_roles(stage, kills)):
            group.create_task(killer.haunt(role, f"{role.name}-{n}"))
        group.create_task(_kill_the_store(stage, killer, kills))
        while time.monotonic() < end and not _enough(killer, kills):
            if (await asyncio.wait({work}, timeout=0.5))[0]:
                break
        killer.enough.set()
    say(
        f"safety: {time.monotonic() - end + SAFETY_S:.1f} s, {killer.ledger.total} kills, {len(killer.points_hit())} crash points"
    )


def _enough(killer: Killer, kills: int) -> bool:
    """All points that can be hit, and the server's share, besides the number."""
    hit = set(killer.points_hit())
    complete = {*EDGE_POINTS, *WORKER_POINTS} <= hit and killer.ledger.kills["postgres"] >= STORE_KILLS
    return killer.ledger.total >= kills and complete


async def _reached(killer: Killer, count: int) -> bool:
    """Wait for so many kills; False when it is enough before."""
    while killer.ledger.total < count:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(killer.enough.wait(), 0.1)
            return False
    return True


async def _kill_the_store(stage: Stage, killer: Killer, kills: int) -> None:
    """The server dies six times, spread over the run."""
    for n in range(1, STORE_KILLS + 1):
        if not await _reached(killer, n * kills // (STORE_KILLS + 1)):
            return
        killer.ledger.in_flight.append(await asyncio.to_thread(killer.count_in_flight))
        stage.store.crash()
        killer.ledger.kills["postgres"] += 1
        await asyncio.to_thread(stage.store.restart)


def _roles(stage: Stage, kills: int = 0) -> list[Role]:
    """Edges die in the first part: a request that died with its edge may be repeated after a minute, and all must rest."""
    edges = [
        Role(
            name="edge", call=f"{__name__}:edge", args=[str(stage.config), port], points=EDGE_POINTS, life_s=(0.3, 1.2),
            patience_s=3.0, deaths_max=kills // 6,
        )
        for port in stage.ports
    ]  # fmt: skip
    worker = Role(
        name="worker", call=f"{__name__}:worker", args=[str(stage.config)], points=WORKER_POINTS, life_s=(0.3, 2.4),
        patience_s=2.5,
    )  # fmt: skip
    return [*edges, worker, worker]


def worker(config: str) -> None:
    """What `tieline run worker --config …` runs."""
    running.run("worker", config, port=None)


def scheduler(config: str) -> None:
    """What `tieline run scheduler --config …` runs."""
    running.run("scheduler", config, port=None)


def edge(config: str, port: int) -> None:
    """What `tieline run edge --config … --port …` runs."""
    running.run("edge", config, port=port)


@contextlib.asynccontextmanager
async def _calm(stage: Stage, killer: Killer) -> AsyncIterator[None]:
    children: list[Child] = []
    for n, role in enumerate(_roles(stage)):
        children.append(await killer.calm(role, f"calm-{role.name}-{n}"))
    try:
        yield
    finally:
        for n, child in enumerate(children):
            end = await child.stop()
            if end.signal or end.code:
                killer.ledger.unexpected.append(f"calm child {n} ended with signal {end.signal} and code {end.code}")


async def _liveness(
    stage: Stage, killer: Killer, firm: Firm, work: asyncio.Task[None], signed: list[Paper], say: Say
) -> Evidence:
    """Faults end, nobody is killed: everything must come to rest in time (V1)."""
    stage.clm.heal()
    stage.erp.heal()
    killer.ledger.unexpected.clear()
    async with _calm(stage, killer):
        began, in_time = time.monotonic(), True
        try:
            await asyncio.wait_for(asyncio.shield(work), QUIET_WITHIN_S)
            left = QUIET_WITHIN_S - (time.monotonic() - began)
            await until("all queues are empty", partial(quiet, stage), left)
        except (TimeoutError, Unavailable):
            in_time = False
        quiet_s = time.monotonic() - began
        say(f"liveness: {'quiet' if in_time else 'not quiet'} after {quiet_s:.1f} s")
        reused = await reuse_an_id(stage, firm)
        return await asyncio.to_thread(
            partial(gathered, stage, firm, signed, reused_id=reused, in_time=in_time, quiet_s=quiet_s)
        )


def quiet(stage: Stage) -> bool:
    """Nothing waits, nothing is due, nothing is unsettled; all that the CLM could deliver is delivered."""
    open_ = rows(stage, _OPEN)[0]["n"]
    undelivered = [d for d in stage.clm.control("deliveries")["deliveries"] if d["state"] == "pending"]
    return open_ == 0 and not [d for d in undelivered if d["variant"] == "good"]


async def reuse_an_id(stage: Stage, firm: Firm) -> tuple[int, int]:
    """D2 from outside: the id of a taken event again, now saying something else."""
    if not firm.events:
        return 0, 0
    before = len(rows(stage, "select 1 from inputs"))
    event: dict[str, Any] = next(iter(firm.events.values()))
    later = (datetime.fromisoformat(event["time"]) + timedelta(seconds=1)).isoformat()
    try:
        async with asyncio.timeout(15):
            status = await firm.sender.event_once({**event, "time": later, "data": {**event["data"], "hours": "23"}})
    except TimeoutError:
        status = 0
    return status, len(rows(stage, "select 1 from inputs")) - before


_OPEN = """select (select count(*) from intake) + (select count(*) from lane_dirty) + (select count(*) from due)
  + (select count(*) from effects where state in ('intent', 'unknown'))
  + (select count(*) from replicas where status in ('pending', 'waiting', 'sending', 'unknown', 'written')) as n"""

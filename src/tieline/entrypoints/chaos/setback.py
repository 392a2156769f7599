"""Chapters in which the hub is set back to random instants while its vendors stay ahead (F40), under kills until then.

Each time: a backup while everybody works; processes and the server are killed; all comes to rest; then the server is lost and
brought back as it was at an instant on the way. Those who hand in do so again, and everything must be in step with what the
vendors held before, nothing twice and nothing missing.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from tieline.adapters.postgres import launcher
from tieline.bootstrap.restoring import run_backup, run_restore
from tieline.entrypoints.chaos import state, verdicts
from tieline.entrypoints.chaos.chapter import (
    QUIET_WITHIN_S,
    Chapter,
    Round,
    Strength,
    chain,
    counted,
    haunted,
    work_of,
)
from tieline.entrypoints.chaos.children import Nursery, nursery
from tieline.entrypoints.chaos.client import sender
from tieline.entrypoints.chaos.drawing import Draw, fierce_alone
from tieline.entrypoints.chaos.evidence import Evidence, gathered
from tieline.entrypoints.chaos.killer import Killer, counter, until
from tieline.entrypoints.chaos.paper import Paper, papers
from tieline.entrypoints.chaos.places import LEASE_S, PARTS, calm, fierce_roles, slowness
from tieline.entrypoints.chaos.recovery import RESTORED, Recovery
from tieline.entrypoints.chaos.run import Say, quiet, reuse_an_id
from tieline.entrypoints.chaos.stage import Stage, Store, api_key, staged
from tieline.entrypoints.chaos.workload import Firm
from tieline.kit.errors import Unavailable

ALONE = Strength(safety_s=22.0, contracts=6, signed_over_s=15.0, draw=fierce_alone, places=fierce_roles)
RESTORED_WITHIN_S = 600.0
# D1, L1 and A1 count against intents and answers, some of which were given up with the time after the instant.
JUDGED = ("L3", "D2", "M1", "M2", "C1", "T2")


@dataclass(slots=True, kw_only=True)
class _Scene:
    strength: Strength
    stage: Stage
    store: Store
    born: Nursery
    recovery: Recovery
    firm: Firm
    chapter: Chapter
    safe: Path
    signed: list[Paper] = field(default_factory=list)


async def set_back(
    chapter: Chapter, seeds: Sequence[int], strength: Strength, say: Say, folder: Path | None = None
) -> None:
    """One restore per seed, each judged before the next; all of it told in `chapter`."""
    with staged(folder) as stage:
        async with _scene(stage, chapter, strength, seeds[0]) as scene:
            for number, seed in enumerate(seeds):
                wrong = await _one(scene, strength.draw(seed), number, say)
                for name, lines in wrong.items():
                    chapter.wrong.setdefault(name, []).extend(lines)
                if any(wrong.values()):
                    break
            chapter.wrong["processes"] = list(chapter.ledger.unexpected)


@contextlib.asynccontextmanager
async def _scene(stage: Stage, chapter: Chapter, strength: Strength, seed: int) -> AsyncIterator[_Scene]:
    assert isinstance(stage.store, Store), "staged alone"
    store, recovery = stage.store, Recovery(lambda: stage.store.admin, LEASE_S)
    safe = stage.folder / "safe"
    safe.mkdir(mode=0o711, exist_ok=True)
    async with contextlib.AsyncExitStack() as stack:
        born = await stack.enter_async_context(nursery(stage.folder / "nursery.log", [PARTS]))
        key = await api_key(stage)
        hands = await stack.enter_async_context(sender(stage.edges, key, stage.inbox_secret, seed))
        hands.orders_to = stage.edges[1]
        watching = asyncio.create_task(recovery.watch())
        firm = Firm(stage.clm, hands, patience_s=QUIET_WITHIN_S + 60)
        try:
            yield _Scene(
                strength=strength, stage=stage, store=store, born=born, recovery=recovery, firm=firm, chapter=chapter,
                safe=safe,
            )  # fmt: skip
        finally:
            watching.cancel()
            chapter.took_s = recovery.took_s


async def _one(scene: _Scene, draw: Draw, number: int, say: Say) -> dict[str, list[str]]:
    """Work under kills, rest, the way back, and what is wrong after it."""
    stage, ledger = scene.stage, scene.chapter.ledger
    copy = scene.safe / f"backup-{number}"
    await asyncio.to_thread(run_backup, stage.settings, copy)
    killer = _killer(scene, draw)
    before_kills = ledger.total
    instant, done = await _ahead(scene, draw, killer, number)
    before = await asyncio.to_thread(state.state, stage.witness)
    began = time.monotonic()
    await asyncio.to_thread(_lost_and_restored, scene, copy, instant)
    evidence, quiet_s = await _again(scene, killer, began)
    ledger.kills["restore"] += 1
    after = await asyncio.to_thread(state.state, stage.witness)
    scene.chapter.points = killer.points_hit()
    kills, safety_s = ledger.total - before_kills - 1, scene.strength.safety_s
    round_ = Round(draw=draw, kills=kills, safety_s=safety_s, quiet_s=done, in_time=done <= QUIET_WITHIN_S)
    scene.chapter.rounds.append(round_)
    say(f"seed {draw.seed}: set back to {instant.isoformat()}, everything in step after {quiet_s:.1f} s")
    scene.chapter.counts = Counter(counted(evidence))
    wrong = {name: verdicts.INVARIANTS[name](evidence) for name in JUDGED}
    wrong["D1"] = _doubled(evidence)
    wrong["V1"] = [] if done <= QUIET_WITHIN_S else [f"not quiet within {QUIET_WITHIN_S:.0f} s"]
    wrong["C1 as before the restore"] = state.differences(after, before)
    wrong["A2 chain"] = await asyncio.to_thread(chain, stage)
    return wrong


def _killer(scene: _Scene, draw: Draw) -> Killer:
    return Killer(
        scene.born, scene.stage.folder, random.Random(draw.seed), counter(lambda: scene.store.admin),
        ledger=scene.chapter.ledger, died=scene.recovery.died,
    )  # fmt: skip


async def _ahead(scene: _Scene, draw: Draw, killer: Killer, number: int) -> tuple[datetime, float]:
    """Everything is worked through under kills and then in peace. Answers an instant on the way, and how long peace took."""
    strength, stage = scene.strength, scene.stage
    signed = papers(strength.contracts, draw.seed, datetime.now(UTC).date(), first=len(scene.signed))
    scene.signed += signed
    first = datetime.now(UTC)
    work = asyncio.create_task(work_of(scene.firm, signed, first=number == 0, over_s=strength.signed_over_s))
    try:
        await _safety(scene, draw, killer)
        calmed = time.monotonic()
        stage.clm.heal()
        stage.erp.heal()
        killer.ledger.unexpected = [line for line in killer.ledger.unexpected if "by itself" not in line]
        async with calm(stage, killer):
            await asyncio.wait_for(work, 2 * QUIET_WITHIN_S)
            worked = datetime.now(UTC)
            await until("all queues are empty", partial(quiet, stage), QUIET_WITHIN_S)
    except TimeoutError:
        raise Unavailable("The firm's work did not get through before the hub was to be set back.") from None
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    span = (worked - first).total_seconds()
    return first + timedelta(seconds=killer.chance.uniform(0.1, 0.95) * span), time.monotonic() - calmed


async def _safety(scene: _Scene, draw: Draw, killer: Killer) -> None:
    strength, stage = scene.strength, scene.stage
    killer.slow = await slowness(stage, killer)
    stage.clm.faults(list(draw.clm))
    stage.erp.faults(list(draw.erp))
    end = time.monotonic() + strength.safety_s
    async with asyncio.TaskGroup() as group:
        for n, role in enumerate(strength.places(stage, draw)):
            group.create_task(haunted(killer, role, f"{role.name}-{n}"))
        await asyncio.sleep(strength.safety_s / 2)
        for event in draw.store:
            with scene.recovery.store_away():
                began, wall = time.monotonic(), time.time()
                scene.store.crash()
                await asyncio.to_thread(scene.store.restart)
                killer.ledger.kills[f"postgres {event}"] += 1
                if not await scene.recovery.next_commit(f"postgres {event} to the next commit", began, wall):
                    killer.ledger.unexpected.append(f"no commit after {event}")
        await asyncio.sleep(max(0.0, end - time.monotonic()))
        killer.enough.set()


def _lost_and_restored(scene: _Scene, copy: Path, instant: datetime) -> None:
    """The server is killed like a machine that is gone, and comes back as it was."""
    stage = scene.stage
    with scene.recovery.store_away():
        scene.store.crash()
        scene.store.cluster.stop()
        run_restore(stage.settings, copy, instant, "chaos", "a rehearsal")
        scene.store.cluster = launcher.start(stage.settings.home)


async def _again(scene: _Scene, killer: Killer, began: float) -> tuple[Evidence, float]:
    """Those who hand in do so again; the CLM is polled from where the cursor stands now."""
    stage, firm = scene.stage, scene.firm
    firm.sender.heard.clear()
    async with calm(stage, killer):
        async with asyncio.TaskGroup() as group:
            for paper in scene.signed[-scene.strength.contracts :]:
                group.create_task(firm.worked(paper))
        await until("all queues are empty", partial(quiet, stage), RESTORED_WITHIN_S)
        quiet_s = time.monotonic() - began
        scene.recovery.took_s[RESTORED].append(quiet_s)
        reused = await reuse_an_id(stage, firm)
        return await asyncio.to_thread(
            partial(gathered, stage, firm, scene.signed, reused_id=reused, in_time=True, quiet_s=quiet_s)
        ), quiet_s


def _doubled(evidence: Evidence) -> list[str]:
    """No two records of the ERP bear one external id of ours, and none was posted twice."""
    wrong: list[str] = []
    for kind, found in evidence.erp.items():
        ours = Counter(row["externalid"] for row in found if row.get("externalid"))
        wrong += [f"{n} {kind} with id {key}" for key, n in ours.items() if n > 1]
    numbers = Counter(row.get("tranid") for row in evidence.erp["invoices"] if row["posting"] == "T")
    return wrong + [f"number {number} was given {n} times" for number, n in numbers.items() if n > 1]

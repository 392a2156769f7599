"""Many short runs on one stage, each with a seed of its own: safety, liveness, and in the end one judgement over all.

The last witness is a second stage on which the same paper is worked through without any fault: both must end alike (C1).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tieline.bootstrap.auditing import run_verify
from tieline.engine.crashpoints import MIGRATION_POINTS
from tieline.entrypoints.chaos import announcing, state, verdicts
from tieline.entrypoints.chaos.children import Nursery, nursery
from tieline.entrypoints.chaos.client import sender
from tieline.entrypoints.chaos.drawing import Draw, drawn, fierce
from tieline.entrypoints.chaos.evidence import Evidence, gathered
from tieline.entrypoints.chaos.killer import Killer, Ledger, Role, counter, until
from tieline.entrypoints.chaos.network import Network, networked
from tieline.entrypoints.chaos.pairs import PairedStore
from tieline.entrypoints.chaos.paper import Paper, papers, unmapped
from tieline.entrypoints.chaos.places import LEASE_S, NEVER, PARTS, calm, fierce_roles, roles, slowness
from tieline.entrypoints.chaos.recovery import Recovery
from tieline.entrypoints.chaos.run import Say, quiet, reuse_an_id
from tieline.entrypoints.chaos.stage import CRASH_LOG, Stage, api_key, staged
from tieline.entrypoints.chaos.workload import Firm
from tieline.kit.errors import Unavailable

PARTED_S = 1.5
QUIET_WITHIN_S = 66.0  # V1


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """How hard the rounds of a chapter are. `signed_over_s`: for so long contracts are signed, one after the other."""

    safety_s: float
    contracts: int = 2
    signed_over_s: float = 0.0
    draw: Callable[[int], Draw] = drawn
    places: Callable[[Stage, Draw | None], list[Role]] = roles


FIERCE = Strength(safety_s=45.0, contracts=10, signed_over_s=32.0, draw=fierce, places=fierce_roles)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one seed did and how it ended."""

    draw: Draw
    kills: int
    safety_s: float
    quiet_s: float
    in_time: bool


@dataclass(slots=True, kw_only=True)
class Chapter:
    """Everything that is known after its last round. `wrong` is empty where an invariant held."""

    rounds: list[Round] = field(default_factory=list)
    ledger: Ledger = field(default_factory=Ledger)
    points: Counter[str] = field(default_factory=Counter)
    network: Counter[str] = field(default_factory=Counter)
    took_s: dict[str, list[float]] = field(default_factory=dict)
    wrong: dict[str, list[str]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True, kw_only=True)
class _Scene:
    strength: Strength
    stage: Stage
    store: PairedStore
    born: Nursery
    network: Network
    recovery: Recovery
    firm: Firm
    chapter: Chapter
    signed: list[Paper] = field(default_factory=list)


async def played(
    chapter: Chapter, seeds: Sequence[int], strength: Strength, say: Say, folder: Path | None = None
) -> None:
    """One round per seed, then the judgement, all of it told in `chapter`. `folder` keeps what the stage leaves behind."""
    with staged(folder, paired=True) as stage:
        async with _scene(stage, chapter, strength, seeds[0]) as scene:
            for number, seed in enumerate(seeds):
                await _round(scene, strength.draw(seed), say, first=number == 0)
            await _judged(scene)
        faulted, signed = await asyncio.to_thread(state.state, stage.witness), scene.signed
    free = await fault_free(signed)
    chapter.wrong["C1 fault-free"] = state.differences(faulted, free)


@contextlib.asynccontextmanager
async def _scene(stage: Stage, chapter: Chapter, strength: Strength, seed: int) -> AsyncIterator[_Scene]:
    assert isinstance(stage.store, PairedStore), "staged in pairs"
    assert stage.fronts is not None, "staged in pairs"
    store, recovery = stage.store, Recovery(lambda: store.admin, LEASE_S)
    async with contextlib.AsyncExitStack() as stack:
        network = await stack.enter_async_context(networked(stage.fronts, stage.erp.url, stage.clm.url, store.sockets))
        born = await stack.enter_async_context(nursery(stage.folder / "nursery.log", [PARTS]))
        key = await api_key(stage)
        hands = await stack.enter_async_context(sender(stage.edges, key, stage.inbox_secret, seed))
        hands.orders_to = stage.edges[1]
        await announcing.register(stage)
        hit = Counter((stage.folder / CRASH_LOG).read_text().split())
        chapter.ledger.kills["migrator"] += sum(hit[point] for point in MIGRATION_POINTS)
        watching = asyncio.create_task(recovery.watch())
        firm = Firm(stage.clm, hands, patience_s=QUIET_WITHIN_S + 60)
        try:
            yield _Scene(
                strength=strength, stage=stage, store=store, born=born, network=network, recovery=recovery, firm=firm,
                chapter=chapter,
            )  # fmt: skip
        finally:
            watching.cancel()
            chapter.network, chapter.took_s = network.done, recovery.took_s


async def _round(scene: _Scene, draw: Draw, say: Say, *, first: bool) -> None:
    strength = scene.strength
    signed = papers(strength.contracts, draw.seed, datetime.now(UTC).date(), first=len(scene.signed))
    scene.signed += signed
    killer = _killer(scene, draw)
    before = scene.chapter.ledger.total
    work = asyncio.create_task(work_of(scene.firm, signed, first=first, over_s=strength.signed_over_s))
    try:
        began = time.monotonic()
        await _safety(scene, draw, killer, strength.safety_s)
        calm = time.monotonic()
        in_time = await _liveness(scene, killer, work)
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    scene.chapter.points = killer.points_hit()
    done = Round(
        draw=draw, kills=scene.chapter.ledger.total - before, safety_s=calm - began, quiet_s=time.monotonic() - calm, in_time=in_time
    )  # fmt: skip
    scene.chapter.rounds.append(done)
    say(
        f"seed {draw.seed}: {done.kills} kills, {', '.join(draw.victims)} {' '.join(draw.store)}, "
        f"lives {killer.slow:.1f} times as long, quiet after {done.quiet_s:.1f} s"
    )


def _killer(scene: _Scene, draw: Draw) -> Killer:
    return Killer(
        scene.born, scene.stage.folder, random.Random(draw.seed), counter(lambda: scene.store.admin),
        ledger=scene.chapter.ledger, died=scene.recovery.died,
    )  # fmt: skip


async def work_of(firm: Firm, signed: Sequence[Paper], *, first: bool, over_s: float = 0.0) -> None:
    """All contracts from signature to ledger; they are signed one after the other over so many seconds."""
    async with asyncio.TaskGroup() as group:
        if first:
            await firm.sign(unmapped(signed[0].through[1]))
        for paper in signed:
            group.create_task(firm.through(paper))
            await asyncio.sleep(over_s / len(signed))


async def _safety(scene: _Scene, draw: Draw, killer: Killer, safety_s: float) -> None:
    """All faults of the draw, until its time is over and the store has had all of its own."""
    killer.slow = await slowness(scene.stage, killer)
    scene.stage.clm.faults(list(draw.clm))
    scene.stage.erp.faults(list(draw.erp))
    scene.network.worsen(draw)
    end = time.monotonic() + safety_s
    async with asyncio.TaskGroup() as group:
        for n, role in enumerate(scene.strength.places(scene.stage, draw)):
            group.create_task(haunted(killer, role, f"{role.name}-{n}"))
        group.create_task(_part(scene, draw, safety_s))
        await _hurt_the_store(scene, draw, killer, safety_s)
        await asyncio.sleep(max(0.0, end - time.monotonic()))
        killer.enough.set()


async def haunted(killer: Killer, role: Role, name: str) -> None:
    """A place of which the draw says whether anybody dies there."""
    if role.deaths_max != NEVER:
        return await killer.haunt(role, name)
    child = await killer.calm(role, name)
    await killer.enough.wait()
    await child.stop()  # in order: an order that dies with its edge is repeated only after a minute


async def _part(scene: _Scene, draw: Draw, safety_s: float) -> None:
    """F44: for a while nobody reaches one system."""
    if draw.parted:
        await asyncio.sleep(safety_s / 4)
        scene.network.of(draw.parted).cut_off()
        await asyncio.sleep(PARTED_S)
        scene.network.of(draw.parted).join()


async def _hurt_the_store(scene: _Scene, draw: Draw, killer: Killer, safety_s: float) -> None:
    for event in draw.store:
        await asyncio.sleep(safety_s / (2 * len(draw.store)))
        killer.ledger.in_flight.append(await asyncio.to_thread(killer.count_in_flight))
        with scene.recovery.store_away():
            await _hurt(scene, killer, event)
        if event == "failover":
            await asyncio.to_thread(scene.store.rebuild)


async def _hurt(scene: _Scene, killer: Killer, event: str) -> None:
    """One end of a server, until the hub has committed again."""
    began, wall = time.monotonic(), time.time()
    if event == "standby_crash":
        await asyncio.to_thread(scene.store.crash_standby)
    else:
        scene.store.crash()
        await asyncio.to_thread(scene.store.restart if event == "crash" else scene.store.take_over)
    killer.ledger.kills[f"postgres {event}"] += 1
    if not await scene.recovery.next_commit(f"postgres {event} to the next commit", began, wall):
        killer.ledger.unexpected.append(f"no commit after {event}")


async def _liveness(scene: _Scene, killer: Killer, work: asyncio.Task[None]) -> bool:
    """Faults end. True when all came to rest in time (V1)."""
    scene.stage.clm.heal()
    scene.stage.erp.heal()
    scene.network.heal()
    killer.ledger.unexpected = [line for line in killer.ledger.unexpected if "by itself" not in line]
    began = time.monotonic()
    async with calm(scene.stage, killer):
        try:
            await asyncio.wait_for(asyncio.shield(work), QUIET_WITHIN_S)
            await until(
                "all queues are empty", partial(quiet, scene.stage), QUIET_WITHIN_S - (time.monotonic() - began)
            )
        except (TimeoutError, Unavailable):
            return False
    return True


async def _judged(scene: _Scene) -> None:
    """Every invariant over everything that the rounds left behind."""
    chapter = scene.chapter
    killer = Killer(scene.born, scene.stage.folder, random.Random(0), lambda: 0, ledger=chapter.ledger)
    in_time = all(one.in_time for one in chapter.rounds)
    async with calm(scene.stage, killer):
        reused = await reuse_an_id(scene.stage, scene.firm)
        await announcing.all_told(scene.stage)
        longest = max(one.quiet_s for one in chapter.rounds)
        evidence = await asyncio.to_thread(
            partial(gathered, scene.stage, scene.firm, scene.signed, reused_id=reused, in_time=in_time, quiet_s=longest)
        )
    chapter.wrong = {name: judge(evidence) for name, judge in verdicts.INVARIANTS.items()}
    chapter.wrong["A2 chain"] = await asyncio.to_thread(chain, scene.stage)
    chapter.wrong["W told"] = await asyncio.to_thread(announcing.told, scene.stage)
    chapter.wrong["processes"] = list(chapter.ledger.unexpected)
    chapter.counts.update(counted(evidence))


def counted(evidence: Evidence) -> dict[str, int]:
    """How much work there was."""
    return {
        "inputs": len(evidence.store["inputs"]), "effects": len(evidence.store["effects"]), "vendor_writes": len(evidence.truth),
        "repeated_effects": sum(row["attempt"] > 1 for row in evidence.store["effects"]), "contracts": len(evidence.papers),
        "invoices": sum(row["posting"] == "T" for row in evidence.erp["invoices"]),
    }  # fmt: skip


def chain(stage: Stage) -> list[str]:
    """A2, as `tieline audit verify` sees it: every event in its place, and the roots that were signed outside."""
    report = run_verify(stage.settings)
    checked = sum(tenant.checked for tenant in report.tenants)
    return [found.sentence for found in report.findings] or ([] if checked else ["there is no chain"])


async def fault_free(signed: Sequence[Paper]) -> state.State:
    """The same paper on a stage of its own, where nothing breaks and nobody dies."""
    with staged() as stage:
        async with nursery(stage.folder / "nursery.log", [PARTS]) as born:
            killer = Killer(born, stage.folder, random.Random(0), lambda: 0)
            key = await api_key(stage)
            async with sender(stage.edges, key, stage.inbox_secret, 0) as hands, calm(stage, killer):
                firm = Firm(stage.clm, hands, patience_s=QUIET_WITHIN_S + len(signed))
                await work_of(firm, signed, first=True)
                await until("all queues are empty", partial(quiet, stage), QUIET_WITHIN_S)
        return await asyncio.to_thread(state.state, stage.witness)

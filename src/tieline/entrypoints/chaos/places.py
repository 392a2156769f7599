"""The places in which processes live during a chapter: two edges, workers, schedulers; who dies there, when, and where in the code."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

from tieline.entrypoints.chaos.children import Child
from tieline.entrypoints.chaos.drawing import Draw
from tieline.entrypoints.chaos.evidence import rows
from tieline.entrypoints.chaos.killer import (
    APPROVAL_POINTS,
    EDGE_POINTS,
    SCHEDULER_POINTS,
    WORKER_POINTS,
    Killer,
    Role,
    until,
)
from tieline.entrypoints.chaos.stage import Stage

LEASE_S = 1.0  # as the stage's configuration says
ASLEEP_S = 2 * LEASE_S + 0.3
PARTS = "tieline.entrypoints.chaos.run"  # what children run
BORN_S, BORN_WITHIN_S = 0.5, 60.0
NEVER, ALWAYS = 0, 1 << 30


def roles(stage: Stage, draw: Draw | None = None) -> list[Role]:
    """Two edges, two workers, a scheduler. Only the edge that takes no orders dies: `client.Sender.orders_to` says why."""
    victims = draw.victims if draw else ()

    def role(name: str, args: list[Any], points: Sequence[str], life_s: tuple[float, float], dies: bool = True) -> Role:
        return Role(
            name=name, call=f"{PARTS}:{name}", args=[str(stage.config), *args], points=points, life_s=life_s, patience_s=2.0,
            deaths_max=ALWAYS if dies and name in victims else NEVER,
            asleep_s=ASLEEP_S if name == "worker" and draw and draw.sleepers else 0.0,
        )  # fmt: skip

    return [
        role("edge", [stage.ports[0]], EDGE_POINTS[:2], (0.4, 1.5)),
        role("edge", [stage.ports[1]], EDGE_POINTS[:2], (0.4, 1.5), dies=False),
        role("worker", [], WORKER_POINTS, (0.3, 2.0)),
        role("worker", [], WORKER_POINTS, (0.3, 2.0)),
        role("scheduler", [], SCHEDULER_POINTS, (0.5, 2.0)),
    ]


def fierce_roles(stage: Stage, draw: Draw | None = None) -> list[Role]:
    """For an hour's soak: one scheduler more, shorter lives, and in some draws the edge of the orders dies once, in an approval."""
    if draw is None:
        return roles(stage)

    def role(
        name: str, args: list[Any], points: Sequence[str], life_s: tuple[float, float], patience_s: float, **more: Any
    ) -> Role:
        return Role(
            name=name, call=f"{PARTS}:{name}", args=[str(stage.config), *args], points=points, life_s=life_s,
            patience_s=patience_s, **more,
        )  # fmt: skip

    asleep_s = ASLEEP_S if draw.sleepers else 0.0
    once = {"deaths_max": 1 if draw.approvals else NEVER, "armed": 1.0}
    scheduler = role("scheduler", [], SCHEDULER_POINTS, (0.4, 4.5), 4.5)  # a duty's lease alone is three seconds long
    worker = role("worker", [], WORKER_POINTS, (0.3, 2.0), 2.0, asleep_s=asleep_s)
    return [
        role("edge", [stage.ports[0]], EDGE_POINTS[:2], (0.3, 0.9), 1.2),
        role("edge", [stage.ports[1]], APPROVAL_POINTS, (5.0, 28.0), 28.0, **once),
        worker, worker, scheduler, scheduler,
    ]  # fmt: skip


async def slowness(stage: Stage, killer: Killer) -> float:
    """How much longer than on an idle machine a worker takes from its birth to its first shards; at least 1, at most 3."""
    worker = next(role for role in roles(stage) if role.name == "worker")
    began = time.monotonic()
    child = await killer.calm(worker, "first")
    try:
        await until("a worker has shards", partial(_has_shards, stage, child.pid), BORN_WITHIN_S, 0.02)
        return min(3.0, max(1.0, (time.monotonic() - began) / BORN_S))
    finally:
        await child.stop()


def _has_shards(stage: Stage, pid: int) -> bool:
    return any(
        f"-{pid}-" in row["owner"] for row in rows(stage, "select distinct owner from shards where owner is not null")
    )


@contextlib.asynccontextmanager
async def calm(stage: Stage, killer: Killer) -> AsyncIterator[None]:
    """Everybody is there and nobody is killed; in the end all stop in order."""
    children: list[Child] = []
    for n, role in enumerate(roles(stage)):
        children.append(await killer.calm(role, f"calm-{role.name}-{n}"))
    try:
        yield
    finally:
        for n, end in enumerate(await asyncio.gather(*(child.stop() for child in children))):
            if end.signal or end.code:
                killer.ledger.unexpected.append(f"calm child {n} ended with signal {end.signal} and code {end.code}")

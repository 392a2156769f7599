"""Who dies when: at named crash points first, at any moment otherwise. Every end is counted with what was in flight."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from tieline.engine.crashpoints import DELIVERY_POINTS, POINTS, SEALER_POINTS
from tieline.entrypoints.chaos.children import Child, Nursery
from tieline.entrypoints.chaos.stage import CRASH_LOG
from tieline.kit.errors import Unavailable

SLEEPERS = 0.3
APPROVAL_POINTS = ("before_approval_commit", "after_approval_commit")
EDGE_POINTS = ("before_accept_commit", "after_accept_commit", *APPROVAL_POINTS)
WORKER_POINTS = tuple(point for point in POINTS if point not in APPROVAL_POINTS)
SCHEDULER_POINTS = (*SEALER_POINTS, *DELIVERY_POINTS)
_RARE = (*APPROVAL_POINTS, "after_lease_claim", "before_root_append", "after_root_append")  # passed once in most lives


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A place in which a process lives: killed, it is filled again."""

    name: str  # edge, worker or scheduler
    call: str
    args: Sequence[Any]
    points: Sequence[str]
    life_s: tuple[float, float]
    patience_s: float  # how long a child may live that waits for its crash point
    deaths_max: int = 1 << 30  # then the place is left in peace
    asleep_s: float = 0.0  # now and then it is stopped so long and woken (F26)
    armed: float = 0.65  # the share of lives that wait for a crash point


@dataclass(slots=True)
class Ledger:
    """What was done to the hub."""

    kills: Counter[str] = field(default_factory=Counter)
    in_flight: list[int] = field(default_factory=list)
    restarts: int = 0
    sleeps: int = 0
    unexpected: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(self.kills.values())


@dataclass(slots=True)
class Killer:
    """Fills the roles and empties them again until `enough`; all randomness comes from `chance`."""

    nursery: Nursery
    folder: Path
    chance: random.Random
    count_in_flight: Callable[[], int]
    ledger: Ledger = field(default_factory=Ledger)
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    died: Callable[[str, int], None] = lambda role, pid: None
    slow: float = 1.0  # lives are so much longer: whoever dies before it could begin proves nothing

    @property
    def crash_log(self) -> Path:
        return self.folder / CRASH_LOG

    def points_hit(self) -> Counter[str]:
        return Counter(self.crash_log.read_text().split()) if self.crash_log.exists() else Counter()

    async def haunt(self, role: Role, name: str) -> None:
        """Start, kill, start again; the last child is left alone once it is enough."""
        deaths = 0
        while not self.enough.is_set():
            if deaths >= role.deaths_max:
                child = await self.calm(role, name)
                await self.enough.wait()
                await child.stop()
                return
            child, until = await self._born(role, name)
            await self._wait(child, until)
            if role.asleep_s and not self.enough.is_set() and self.chance.random() < SLEEPERS:
                await self._put_to_sleep(child, role.asleep_s)
            if self.enough.is_set():
                await child.kill()
                return
            end = await child.kill()
            if end.signal == signal.SIGKILL:
                deaths += 1
                self.died(role.name, child.pid)
                self._count(role.name)
            else:
                self.ledger.unexpected.append(f"{name} ended by itself with code {end.code}")
                await asyncio.sleep(0.2)  # the store is away: a supervisor would wait, too

    async def calm(self, role: Role, name: str) -> Child:
        """A child that nobody kills."""
        return await self.nursery.bear(role.call, role.args, self.folder / f"{name}.log", {"TIELINE_CRASH": ""})

    async def _born(self, role: Role, name: str) -> tuple[Child, float]:
        point = self._point(role) if self.chance.random() < role.armed else ""
        passes = 1 if point in _RARE else self.chance.choice((1, 1, 2, 3))
        env = {"TIELINE_CRASH": f"{point}:{passes}" if point else "", "TIELINE_CRASH_LOG": str(self.crash_log)}
        self.ledger.restarts += 1
        child = await self.nursery.bear(role.call, role.args, self.folder / f"{name}.log", env)
        return child, time.monotonic() + self.slow * (role.patience_s if point else self.chance.uniform(*role.life_s))

    async def _put_to_sleep(self, child: Child, seconds: float) -> None:
        """It wakes in a world that went on without it, and has a moment to do harm before it dies."""
        child.send(signal.SIGSTOP)
        self.ledger.sleeps += 1
        await asyncio.sleep(seconds)
        child.send(signal.SIGCONT)
        await self._wait(child, time.monotonic() + 0.5)

    def _point(self, role: Role) -> str:
        """Those that were never hit come first."""
        hit = self.points_hit()
        fresh = [point for point in role.points if not hit[point]]
        return self.chance.choice(fresh or list(role.points))

    async def _wait(self, child: Child, until: float) -> None:
        enough = asyncio.create_task(self.enough.wait())
        either: set[asyncio.Future[Any]] = {child.ended, enough}
        await asyncio.wait(either, timeout=max(0.0, until - time.monotonic()), return_when=asyncio.FIRST_COMPLETED)
        enough.cancel()

    def _count(self, victim: str) -> None:
        self.ledger.kills[victim] += 1
        self.ledger.in_flight.append(self.count_in_flight())


def counter(conninfo: Callable[[], str]) -> Callable[[], int]:
    """How many effects nobody knows the outcome of at this moment; the last figure while the store is away."""
    last = 0

    def count() -> int:
        nonlocal last
        try:
            with psycopg.connect(conninfo(), autocommit=True, connect_timeout=1) as connection:
                row = connection.execute("select count(*) from effects where state in ('intent', 'unknown')").fetchone()
        except psycopg.OperationalError:
            return last
        last = row[0] if row else 0
        return last

    return count


async def until(what: str, look: Callable[[], Any], seconds: float, pause_s: float = 0.2) -> Any:
    """`look` runs in a thread, since it asks the store or a look-alike."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := await asyncio.to_thread(look):
            return found
        await asyncio.sleep(pause_s)
    raise Unavailable(f"Not within {seconds:.0f} s: {what}.")

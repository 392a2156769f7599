"""How long it took until things went on: a killed worker's shards and calls with a successor, the hub's next commit, a failover."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, LiteralString

import psycopg

LOOK_S = 0.05
SHARDS_ELSEWHERE = "worker kill to its shards at work elsewhere"
CALLS_ELSEWHERE = "worker kill to its open calls taken up elsewhere"
RESTORED = "restore to everything in step again"


@dataclass(slots=True)
class _Left:
    """What dead workers left behind: when they died, and whether they were seen to have left anything."""

    what: str
    died: dict[int, float] = field(default_factory=dict)
    had: set[int] = field(default_factory=set)

    def clear(self) -> None:
        self.died.clear()
        self.had.clear()

    def look(self, still: set[str]) -> list[float]:
        """`still`: workers that have something of the kind. Answers how long those took whose things are with others now."""
        now, took = time.monotonic(), []
        for pid in list(self.died):
            if any(f"-{pid}-" in worker for worker in still):
                self.had.add(pid)
                continue
            died = self.died.pop(pid)
            if pid in self.had:
                self.had.discard(pid)
                took.append(now - died)
        return took


@dataclass(slots=True)
class Recovery:
    """`lease_s` is the workers': one that renewed its lease after an instant has committed after it."""

    conninfo: Callable[[], str]
    lease_s: float
    took_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    _shards: _Left = field(default_factory=lambda: _Left(SHARDS_ELSEWHERE))
    _calls: _Left = field(default_factory=lambda: _Left(CALLS_ELSEWHERE))
    _store_away: bool = False

    def died(self, role: str, pid: int) -> None:
        if role == "worker" and not self._store_away:
            self._shards.died[pid] = self._calls.died[pid] = time.monotonic()

    @contextlib.contextmanager
    def store_away(self) -> Iterator[None]:
        """Of those who are dead or die meanwhile nothing is measured: it would be the store's absence."""
        self._store_away = True
        self._forget()
        try:
            yield
        finally:
            self._forget()
            self._store_away = False

    def _forget(self) -> None:
        self._shards.clear()
        self._calls.clear()

    async def watch(self) -> None:
        """Until cancelled: notice when what the dead had is with somebody who lives."""
        while True:
            await asyncio.sleep(LOOK_S)
            if self._shards.died or self._calls.died:
                with contextlib.suppress(psycopg.Error, OSError):
                    await self._look()

    async def next_commit(self, what: str, since: float, since_wall: float, patience_s: float = 40.0) -> bool:
        """Measure until a worker has committed after `since_wall`. False when that takes too long."""
        while time.monotonic() - since < patience_s:
            with contextlib.suppress(psycopg.Error, OSError):
                async with await psycopg.AsyncConnection.connect(self.conninfo(), autocommit=True) as connection:
                    seen = await connection.execute(_COMMITTED, (since_wall + self.lease_s,))
                    if await seen.fetchone():
                        self.took_s[what].append(time.monotonic() - since)
                        return True
            await asyncio.sleep(LOOK_S)
        return False

    async def _look(self) -> None:
        async with await psycopg.AsyncConnection.connect(self.conninfo(), autocommit=True) as connection:
            while self._shards.died or self._calls.died:
                owners, callers = await _names(connection, _OWNERS), await _names(connection, _CALLERS)
                if owners:
                    self.took_s[SHARDS_ELSEWHERE] += self._shards.look(owners)
                self.took_s[CALLS_ELSEWHERE] += self._calls.look(callers)
                await asyncio.sleep(LOOK_S)


async def _names(connection: psycopg.AsyncConnection[Any], sql: LiteralString) -> set[str]:
    return {name for (name,) in await (await connection.execute(sql)).fetchall()}


def table(took_s: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """How often, the middle, the ninety-ninth of a hundred, the longest."""
    return {
        what: {"n": len(all_), "p50_s": _at(all_, 0.5), "p99_s": _at(all_, 0.99), "max_s": _at(all_, 1.0)}
        for what, all_ in sorted(took_s.items())
        if all_
    }


def _at(all_: list[float], share: float) -> float:
    ordered = sorted(all_)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)


_COMMITTED = "select 1 from workers where lease_until > to_timestamp(%s) limit 1"
_OWNERS = "select distinct owner from shards where owner is not null"
_CALLERS = "select distinct worker from effects where state = 'intent'"

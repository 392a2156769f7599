"""How long it took until things went on: a killed worker's shards with a successor, the hub's next commit, a failover."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg

LOOK_S = 0.05


@dataclass(slots=True)
class Recovery:
    """`lease_s` is the workers': one that renewed its lease after an instant has committed after it."""

    conninfo: Callable[[], str]
    lease_s: float
    took_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    _dead: dict[int, float] = field(default_factory=dict)

    def died(self, role: str, pid: int) -> None:
        if role == "worker":
            self._dead[pid] = time.monotonic()

    def forget_the_dead(self) -> None:
        """The store goes away: what is measured now would be its absence."""
        self._dead.clear()

    async def watch(self) -> None:
        """Until cancelled: notice when the shards of the dead are with somebody who lives."""
        while True:
            await asyncio.sleep(LOOK_S)
            if self._dead:
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
            while self._dead:
                found = await (await connection.execute(_OWNERS)).fetchall()
                owners = {name for (name,) in found if name}
                for pid in [pid for pid in self._dead if not any(f"-{pid}-" in owner for owner in owners)]:
                    if owners:
                        self.took_s["worker kill to its shards at work elsewhere"].append(
                            time.monotonic() - self._dead.pop(pid)
                        )
                await asyncio.sleep(LOOK_S)


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
_OWNERS = """select distinct owner from shards s where owner is not null
  and exists (select 1 from workers w where w.worker_id = s.owner and w.lease_until > clock_timestamp() - interval '1 minute')"""

"""The same drain by one, two and three workers, each a process of its own on one store: what another process adds.

The store, the workers and the measurement share the cores of this machine: `cores_busy` says how many were really at work,
so that a figure that does not grow can be told from a machine that has no more to give.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tieline.adapters.postgres import roles
from tieline.engine.shards import SHARDS
from tieline.entrypoints.bench.drain import all_in_step, lay_out, make_due
from tieline.entrypoints.bench.ground import Ground, Stopwatch, ground
from tieline.entrypoints.bench.progress import Progress

REPLICAS = 40_000
WORKERS = (1, 2, 3)
SPREAD_S = 30.0
Say = Callable[[str], None]


@dataclass(slots=True)
class Hand:
    """A worker's process, and what it said last."""

    process: asyncio.subprocess.Process
    said: dict[str, Any] = field(default_factory=lambda: {"seen": 0, "calls": 0, "rss_mb": 0.0, "shards": 0})

    async def listen(self) -> None:
        assert self.process.stdout is not None, "opened with a pipe"
        async for line in self.process.stdout:
            self.said = json.loads(line)

    async def end(self) -> None:
        assert self.process.stdin is not None, "opened with a pipe"
        self.process.stdin.close()
        await self.process.wait()


async def measure(say: Say, size: int = REPLICAS, workers: Sequence[int] = WORKERS) -> dict[str, Any]:
    """Replicas a second for each number of workers; forty thousand take about two minutes."""
    figures: dict[str, Any] = {"replicas": size, "cores": os.cpu_count()}
    async with ground() as g:
        for count in workers:
            per_s, busy, memory = await _drained(g, size, count, say)
            figures |= {
                f"workers_{count}_per_s": round(per_s, 1), f"workers_{count}_cores_busy": round(busy, 2),
                f"workers_{count}_rss_mb": memory,
            }  # fmt: skip
    first = figures[f"workers_{workers[0]}_per_s"]
    ratios = {f"workers_{n}_ratio": round(figures[f"workers_{n}_per_s"] / first, 2) for n in workers[1:]}
    return {**figures, **ratios}


async def _drained(g: Ground, size: int, count: int, say: Say) -> tuple[float, float, float]:
    """(replicas a second, cores that were at work, memory of the largest worker)."""
    run = secrets.token_hex(3)
    await lay_out(g, size, say, prefix=run, due=False)
    async with hands(g, count) as working:
        await _spread(working)
        await make_due(g, size, run)
        progress, watch, before = Progress(what=f"{count} at work", total=size, say=say), Stopwatch(), busy_s()
        while (seen := sum(hand.said["seen"] for hand in working)) < size:
            assert all(hand.process.returncode is None for hand in working), "a worker has ended"
            progress.at(seen)
            await asyncio.sleep(0.05)
        seconds, busy = watch.s, busy_s() - before
        memory = max(hand.said["rss_mb"] for hand in working)
    await all_in_step(g)
    return size / seconds, busy / seconds, memory


@contextlib.asynccontextmanager
async def hands(g: Ground, count: int) -> AsyncIterator[list[Hand]]:
    """So many workers; all of them end in order with the block."""
    working: list[Hand] = []
    listening: list[asyncio.Task[None]] = []
    try:
        for number in range(count):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tieline.entrypoints.bench.hand", g.cluster.conninfo(roles.WORKER),
                f"hand-{number}-{secrets.token_hex(2)}", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            working.append(Hand(process))
            listening.append(asyncio.create_task(working[-1].listen()))
        yield working
    finally:
        await asyncio.gather(*(hand.end() for hand in working))
        await asyncio.gather(*listening)


async def _spread(working: Sequence[Hand]) -> None:
    """Until every shard is held and nobody holds much more than the others."""
    share = -(-SHARDS // len(working))
    async with asyncio.timeout(SPREAD_S):
        while True:
            held = [hand.said["shards"] for hand in working]
            if sum(held) == SHARDS and max(held) <= share:
                return
            await asyncio.sleep(0.1)


def busy_s() -> float:
    """Seconds that all cores of this machine have worked since it began: user, nice, system, interrupts."""
    words = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()
    user, nice, system, _idle, _wait, hard, soft = (int(word) for word in words[1:8])
    return (user + nice + system + hard + soft) / os.sysconf("SC_CLK_TCK")

"""One worker in a process of its own, with a system that answers at once: what `bench scale` starts several of.

    python -m tieline.entrypoints.bench.hand CONNINFO NAME

Says how much it has seen confirmed, and its memory, four times a second; works until its standard input ends.
"""

from __future__ import annotations

import asyncio
import json
import sys

import uvloop

from tieline.adapters.postgres.pools import pool as make_pool
from tieline.bootstrap.hub import settle_memory
from tieline.entrypoints.bench.ground import FreeSystem, rss_mb, setup_of, worker_of
from tieline.entrypoints.cli.running import log_to_stderr

SAY_S = 0.25


async def main(conninfo: str, name: str) -> None:
    system = FreeSystem()
    settle_memory()
    async with make_pool(conninfo, "worker", 2, 8) as pool:
        worker = worker_of(pool, conninfo, setup_of(system, (), None), name)
        work, told = asyncio.create_task(worker.run()), asyncio.create_task(asyncio.to_thread(sys.stdin.read))
        while not (told.done() or work.done()):
            await asyncio.wait({told, work}, timeout=SAY_S, return_when=asyncio.FIRST_COMPLETED)
            shown = {"seen": system.seen, "calls": system.calls, "rss_mb": rss_mb(), "shards": len(worker.leases.held)}
            print(json.dumps(shown), flush=True)
        worker.stop()
        await work


if __name__ == "__main__":
    log_to_stderr()
    uvloop.run(main(sys.argv[1], sys.argv[2]))

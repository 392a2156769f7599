"""One scheduler as a process of its own: `python scheduler_child.py CONNINFO NAME` writes a line for every round."""

from __future__ import annotations

import asyncio
import signal
import sys

from tieline.adapters.postgres.pools import pool as make_pool
from tieline.engine.duties import Duty, Runner, term


async def main(conninfo: str, name: str) -> None:
    async def round_() -> int:
        held = term()
        assert held is not None
        print("round", name, held.epoch, flush=True)
        return 0

    async with make_pool(conninfo, "scheduler", 1, 2) as pool:
        runner = Runner(pool, [Duty(name="seal", every_s=0.1, run=round_)], name)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, runner.stop)
        await runner.run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))

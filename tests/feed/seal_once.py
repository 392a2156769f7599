"""A sealer as a process of its own, for tests that kill it: two rounds, each with a signature. Arguments: conninfo, record."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from feed_desk import KEYS, SIGNER, now

from tieline.adapters.audit import FileSink
from tieline.adapters.postgres.pools import pool
from tieline.engine.feed.anchor import Anchor
from tieline.engine.feed.sealer import Sealer


async def main(conninfo: str, record: str) -> None:
    async with pool(conninfo, "scheduler", 1, 1) as scheduler:
        sealer = Sealer(scheduler, Anchor(FileSink(Path(record)), SIGNER, KEYS, now), batch=7)
        for _ in range(2):
            await sealer.round()
            async with scheduler.connection() as connection:
                await sealer.anchor.sign_now(connection)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

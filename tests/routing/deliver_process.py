"""A deliverer as a process of its own, to be killed: `python deliver_process.py CONNINFO`."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime

from tieline.adapters.cipher import AesCipher
from tieline.adapters.postgres.pools import pool
from tieline.adapters.postman import Postman
from tieline.engine.deliveries.deliverer import Deliverer
from tieline.ports.landscape import Advice


async def main(conninfo: str) -> None:
    async with pool(conninfo, "scheduler", 1, 2) as store:
        deliverer = Deliverer(
            pool=store, post=Postman(allow_private_addresses=True), cipher=AesCipher(b"k" * 32),
            clock=lambda: datetime.now(UTC), advise=lambda code: Advice(owner="integration", way_out=""),
        )  # fmt: skip
        while True:
            if not await deliverer.round():
                await asyncio.sleep(0.05)


asyncio.run(main(sys.argv[1]))

"""A worker of the engine's own world as a process of its own: loaded once by the nursery, forked as often as it is killed."""

from __future__ import annotations

import asyncio
import signal
from datetime import UTC, datetime

from kv_system import KvSystem
from world import TENANT, CleanCipher, setup

from tieline.adapters.http import GuardedHttp
from tieline.adapters.postgres.pools import pool as make_pool
from tieline.engine.worker import Worker

WINDOW_S, LIFE_S, LEASE_S = 0.4, 0.8, 1.0


def work(conninfo: str, kv_url: str, name: str) -> None:
    """Until SIGTERM (an ordered end) or SIGKILL."""
    asyncio.run(_work(conninfo, kv_url, f"{name}-{datetime.now(UTC).timestamp()}"))


async def _work(conninfo: str, kv_url: str, name: str) -> None:
    http = GuardedHttp(kv_url, allow_private_addresses=True)
    system = KvSystem("kv", http, window_s=WINDOW_S, life_s=LIFE_S)
    async with make_pool(conninfo, "worker", 1, 6, transaction_s=2 * LEASE_S) as pool:
        worker = Worker(
            pool, conninfo, {TENANT: setup({"kv": system})}, CleanCipher(), lambda: datetime.now(UTC), name, LEASE_S
        )
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop)
        await worker.run()
    await http.aclose()

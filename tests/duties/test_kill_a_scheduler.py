"""kill -9 of the scheduler that has a duty: another one goes on within five seconds (F25, F27), at the shipped lease."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from database import Database
from tieline.adapters.postgres import roles

CHILD = Path(__file__).with_name("scheduler_child.py")


async def _start(database: Database, name: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, str(CHILD), database.conninfo(roles.SCHEDULER), name, stdout=asyncio.subprocess.PIPE
    )


async def _round(process: asyncio.subprocess.Process, seconds: float) -> tuple[str, int]:
    assert process.stdout is not None
    async with asyncio.timeout(seconds):
        while not (line := await process.stdout.readline()).startswith(b"round "):
            assert line, "it ended"  # its log goes the same way
    _, name, epoch = line.decode().split()
    return name, int(epoch)


async def test_F25_a_killed_scheduler_is_replaced_within_five_seconds(database: Database) -> None:
    first = await _start(database, "s1")
    _, epoch = await _round(first, 20)
    second = await _start(database, "s2")
    try:
        await asyncio.sleep(1.0)  # the second is up and waits: what is measured is the taking over
        first.kill()
        killed_at = time.monotonic()
        name, later = await _round(second, 5.0)
        assert time.monotonic() - killed_at <= 5.0
        assert (name, later) == ("s2", epoch + 1)
    finally:
        second.terminate()
        assert await asyncio.wait_for(second.wait(), 15) == 0
        await first.wait()

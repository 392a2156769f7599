"""A hub that nobody harms, beside the chapters and as long as they go on: what its processes take of memory and files over time.

A process of its own: `python -m tieline.entrypoints.chaos.peaceful FOLDER SEED` writes `FOLDER/peaceful.json` again and again,
and ends when its stdin does. A contract is signed every twenty seconds and worked through to the second posted invoice.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tieline.entrypoints.chaos.children import Child, nursery
from tieline.entrypoints.chaos.client import sender
from tieline.entrypoints.chaos.gauges import Gauge, all_told
from tieline.entrypoints.chaos.killer import Killer
from tieline.entrypoints.chaos.paper import papers
from tieline.entrypoints.chaos.places import PARTS, roles
from tieline.entrypoints.chaos.stage import Stage, api_key, staged
from tieline.entrypoints.chaos.workload import Firm

SIGNED_EVERY_S = 20.0
LOOK_EVERY_S = 5.0
PATIENCE_S = 600.0
ENDS_WITHIN_S = 40.0


@contextlib.contextmanager
def beside(folder: Path, seed: int) -> Iterator[Path]:
    """Runs for the length of the block; answers where it writes what it sees."""
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    order = [sys.executable, "-m", "tieline.entrypoints.chaos.peaceful", str(folder), str(seed)]
    with (folder / "peaceful.log").open("ab") as log:
        process = subprocess.Popen(order, stdin=subprocess.PIPE, stdout=log, stderr=log)
    try:
        yield folder / "peaceful.json"
    finally:
        assert process.stdin is not None, "opened with a pipe"
        process.stdin.close()
        try:
            process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def seen(path: Path) -> dict[str, Any]:
    """Empty while nothing was written yet."""
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


async def lived(folder: Path, seed: int, ended: asyncio.Event) -> None:
    with staged(folder) as stage:
        async with nursery(stage.folder / "nursery.log", [PARTS]) as born:
            killer = Killer(born, stage.folder, random.Random(0), lambda: 0)
            key = await api_key(stage)
            children = {
                f"{role.name} {n}": await killer.calm(role, f"{role.name}-{n}")
                for n, role in enumerate(roles(stage), 1)
            }
            try:
                async with sender(stage.edges, key, stage.inbox_secret, seed) as hands:
                    firm = Firm(stage.clm, hands, patience_s=PATIENCE_S)
                    await _watched(stage, firm, seed, children, ended)
            finally:
                await asyncio.gather(*(child.stop() for child in children.values()))


async def _watched(stage: Stage, firm: Firm, seed: int, children: dict[str, Child], ended: asyncio.Event) -> None:
    """Looks and signatures in turn, until the other side goes away. What is under way then is left alone."""
    gauges = {name: Gauge() for name in children}
    began, signed = time.monotonic(), 0
    under_way: set[asyncio.Task[None]] = set()
    while not ended.is_set():
        at_s = time.monotonic() - began
        if at_s >= signed * SIGNED_EVERY_S:
            (paper,) = papers(1, seed + signed, datetime.now(UTC).date(), first=signed)
            signed += 1
            under_way.add(asyncio.create_task(firm.through(paper)))
        under_way = {task for task in under_way if not task.done()}
        for name, child in children.items():
            gauges[name].look(child.pid, at_s)
        _write(stage.folder / "peaceful.json", {
            "contracts": signed, "under_way": len(under_way), "invoices": len(firm.releases), "processes": all_told(gauges),
        })  # fmt: skip
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), LOOK_EVERY_S)
    for task in under_way:
        task.cancel()
    await asyncio.gather(*under_way, return_exceptions=True)


def _write(path: Path, found: dict[str, Any]) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(found))
    fresh.rename(path)


async def _main(folder: Path, seed: int) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), ended.set)
    await lived(folder, seed, ended)


if __name__ == "__main__":
    os.nice(5)  # beside the chapters, not before them
    asyncio.run(_main(Path(sys.argv[1]), int(sys.argv[2])))

"""Measurements that anyone can repeat: ratios against a bare loop in the same run, on this machine, now."""

from __future__ import annotations

import asyncio
import importlib
import json
import signal
import sys
from collections.abc import Coroutine
from typing import Any

import uvloop

from tieline.entrypoints.cli.running import log_to_stderr
from tieline.kit.errors import Rejected

WHAT = (
    "activation", "census", "drain", "growth", "ingest", "lanes", "noisy", "overload", "scale", "shared",
)  # fmt: skip
ENDED = 128 + signal.SIGTERM
SIZED = ("census", "drain", "growth", "lanes", "overload", "scale")


def run(what: str, *, as_json: bool, size: int | None = None) -> bool:
    """Measure and print the figures. Raises Rejected for what is not measured here, and for a size that it has not."""
    if what not in WHAT:
        raise Rejected(f"{what!r} is not measured here: choose {' or '.join(WHAT)}.")
    if size is not None and what not in SIZED:
        raise Rejected(f"{what} has no size to choose; {', '.join(SIZED)} have.")
    log_to_stderr()
    sized = {} if size is None else {"size": size}
    measure = importlib.import_module(f"{__name__}.{what}").measure
    figures: dict[str, Any] = uvloop.run(_until_told(measure(lambda text: print(text, file=sys.stderr), **sized)))
    if as_json:
        print(json.dumps(figures, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name:<28} {value:,}" if isinstance(value, int | float) else f"{name:<28} {value}")
    return True


async def _until_told(work: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
    """SIGTERM ends a measurement as Ctrl-C does: its stores and processes are ended and its files removed."""
    measuring = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, measuring.cancel)
    try:
        return await measuring
    except asyncio.CancelledError:
        raise SystemExit(ENDED) from None

"""The kill test: real processes, a real PostgreSQL and look-alikes with faults; what held is printed, invariant by invariant."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys

from tieline.entrypoints.chaos.report import document, summary


def run(kills: int, seed: int | None, *, as_json: bool) -> bool:
    """Kill at least `kills` processes and judge. True when every invariant held. Takes two to three minutes per hundred."""
    from tieline.entrypoints.chaos.run import rehearsed

    seed = secrets.randbelow(1 << 31) if seed is None else seed
    done = asyncio.run(rehearsed(kills, seed, lambda text: print(text, file=sys.stderr)))
    found = document(done)
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        print(summary(found))
    return bool(found["verdict"] == "held")

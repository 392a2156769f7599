"""The kill test: real processes, a real PostgreSQL and look-alikes with faults; what held is printed, invariant by invariant."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path

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


def fight(minutes: float, seed: int | None, *, as_json: bool, report: Path | None) -> bool:
    """Chapters of seeded rounds for so many minutes. True when every invariant held. `report`: a folder for its page."""
    from tieline.entrypoints.chaos import campaign, pages

    seed = secrets.randbelow(1 << 31) if seed is None else seed
    found = campaign.document(campaign.fought(minutes, seed, lambda text: print(text, file=sys.stderr)))
    if report is not None:
        print(f"The report is {pages.keep(found, report, datetime.now(UTC).date())}.", file=sys.stderr)
    print(json.dumps(found, indent=2) if as_json else pages.summary(found))
    return bool(found["verdict"] == "held")

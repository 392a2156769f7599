"""The kill test: real processes, a real PostgreSQL and look-alikes with faults; what held is printed, invariant by invariant."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tieline.entrypoints.chaos.report import document, summary

if TYPE_CHECKING:
    from tieline.entrypoints.chaos.campaign import Campaign


def run(kills: int, seed: int | None, *, as_json: bool) -> bool:
    """Kill at least `kills` processes and judge. True when every invariant held. Takes two to three minutes per hundred."""
    from tieline.entrypoints.chaos.run import rehearsed

    seed = _seed(seed)
    done = asyncio.run(rehearsed(kills, seed, _say))
    found = document(done)
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        print(summary(found))
    return bool(found["verdict"] == "held")


def fight(minutes: float, seed: int | None, *, as_json: bool, report: Path | None) -> bool:
    """Chapters of seeded rounds for so many minutes. True when every invariant held. `report`: a folder for its page."""
    from tieline.entrypoints.chaos import campaign, ledger, pages

    seed = _seed(seed)
    fought = campaign.Campaign(seed=seed, command=f"tieline chaos --minutes {minutes:g} --seed {seed}")
    today = datetime.now(UTC).date()
    page = None if report is None else pages.place(report, today, seed)

    def keep() -> None:
        if page is not None:
            pages.keep(ledger.document(fought), page, today)

    campaign.fought(fought, minutes, _say, keep)
    if page is not None:
        _say(f"The report is {page}.")
    return _told(fought, as_json=as_json)


def again(chapter: str, *, as_json: bool) -> bool:
    """One chapter as a report names it. True when every invariant held."""
    from tieline.entrypoints.chaos import campaign

    plan = campaign.Plan.parse(chapter)
    fought = campaign.Campaign(seed=plan.seed, command=f"tieline chaos --chapter {plan}")
    campaign.one(fought, plan, _say)
    fought.ended = True
    return _told(fought, as_json=as_json)


def _told(fought: Campaign, *, as_json: bool) -> bool:
    from tieline.entrypoints.chaos import ledger, pages

    found = ledger.document(fought)
    print(json.dumps(found, indent=2) if as_json else pages.summary(found))
    return bool(found["verdict"] == "held")


def _seed(given: int | None) -> int:
    return secrets.randbelow(1 << 31) if given is None else given


def _say(text: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", file=sys.stderr, flush=True)

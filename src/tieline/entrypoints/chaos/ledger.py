"""A campaign as one document for machines; the pages for people are made of it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from tieline import __version__
from tieline.engine.crashpoints import EVERY_POINT
from tieline.entrypoints.chaos import bars
from tieline.entrypoints.chaos.campaign import Campaign
from tieline.entrypoints.chaos.recovery import table

PROCESSES = ("edge", "worker", "scheduler")


def document(campaign: Campaign) -> dict[str, Any]:
    """Everything; `invariants` name what was wrong, at most twenty each."""
    flight, recovery = campaign.in_flight, table(campaign.took_s)
    processes = sum(campaign.kills[name] for name in PROCESSES)
    return {
        "seed": campaign.seed,
        "version": __version__,
        "commit": commit(),
        "command": campaign.command,
        "chapters": campaign.chapters,
        "rounds": campaign.rounds,
        "duration_s": round(campaign.duration_s, 1),
        "kills": {"total": campaign.kills.total() - campaign.kills["restore"], "processes": processes, **campaign.kills},
        "sleeps": campaign.sleeps,
        "process_starts": campaign.restarts,
        "crash_points": {
            "distinct": len(campaign.points), "hit": dict(sorted(campaign.points.items())),
            "never_hit": [point for point in EVERY_POINT if not campaign.points[point]],
        },
        "in_flight_at_kills": {"max": max(flight, default=0), "total": sum(flight), "kills_with_some": sum(n > 0 for n in flight)},
        "network_faults": {"total": campaign.network.total(), **dict(sorted(campaign.network.items()))},
        **campaign.counts,
        "quiet_after_s": table({"": campaign.quiet_s}).get("", {}),
        "recovery": recovery,
        "bars": bars.judged(recovery),
        "peaceful": campaign.peaceful,
        "invariants": {name: {"ok": not wrong, "wrong": wrong} for name, wrong in campaign.wrong.items()},
        "table": campaign.lines,
        "draws": campaign.draws,
        "repeat": campaign.repeat,
        "evidence": campaign.evidence,
        "verdict": campaign.verdict,
    }  # fmt: skip


def commit() -> str:
    """Of the source tree that runs, when it is one."""
    order = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short=12", "HEAD"]
    try:
        found = subprocess.run(order, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "unknown"
    return found.stdout.strip() or "unknown"

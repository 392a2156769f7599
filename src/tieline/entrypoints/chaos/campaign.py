"""Chapters one after the other until the time is over: each on a stage of its own, so that memory and disk stay bounded."""

from __future__ import annotations

import asyncio
import random
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tieline import __version__
from tieline.entrypoints.chaos.chapter import Chapter, played
from tieline.entrypoints.chaos.recovery import table
from tieline.entrypoints.chaos.run import Say
from tieline.kit.errors import TielineError

ROUNDS = 10  # per chapter
SAFETY_S = 6.0
WRONG_MAX = 20


@dataclass(slots=True, kw_only=True)
class Campaign:
    """What all chapters came to: sums, and the first faults of every invariant."""

    seed: int
    command: str
    chapters: int = 0
    rounds: int = 0
    duration_s: float = 0.0
    sleeps: int = 0
    restarts: int = 0
    in_flight: list[int] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    points: Counter[str] = field(default_factory=Counter)
    network: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    took_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    quiet_s: list[float] = field(default_factory=list)
    draws: list[dict[str, Any]] = field(default_factory=list)
    wrong: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, chapter: Chapter) -> None:
        self.chapters += 1
        self.rounds += len(chapter.rounds)
        self.sleeps += chapter.ledger.sleeps
        self.restarts += chapter.ledger.restarts
        self.in_flight += chapter.ledger.in_flight
        self.kills.update(chapter.ledger.kills)
        self.points.update(chapter.points)
        self.network.update(chapter.network)
        self.counts.update(chapter.counts)
        self.quiet_s += [one.quiet_s for one in chapter.rounds]
        self.draws += [one.draw.told() for one in chapter.rounds]
        for what, all_ in chapter.took_s.items():
            self.took_s[what] += all_
        for name, lines in chapter.wrong.items():
            self.wrong[name] += lines[: WRONG_MAX - len(self.wrong[name])]


def fought(minutes: float, seed: int, say: Say) -> Campaign:
    """Whole chapters until `minutes` are over."""
    campaign = Campaign(seed=seed, command=f"tieline chaos --minutes {minutes:g} --seed {seed}")
    chance, began = random.Random(f"campaign {seed}"), time.monotonic()
    while not campaign.chapters or time.monotonic() - began < 60 * minutes:
        _chapter(campaign, [chance.randrange(1 << 31) for _ in range(ROUNDS)], SAFETY_S, say)
        campaign.duration_s = time.monotonic() - began
        verdict = "broken" if any(campaign.wrong.values()) else "held"
        say(
            f"chapter {campaign.chapters}: {campaign.kills.total()} kills, {campaign.duration_s / 60:.1f} minutes: {verdict}"
        )
    return campaign


def seeds_held(seeds: Sequence[int], safety_s: float, say: Say) -> Campaign:
    """One chapter with exactly these seeds."""
    campaign, began = Campaign(seed=seeds[0], command=f"seeds {seeds[0]} to {seeds[-1]}"), time.monotonic()
    _chapter(campaign, seeds, safety_s, say)
    campaign.duration_s = time.monotonic() - began
    return campaign


def _chapter(campaign: Campaign, seeds: Sequence[int], safety_s: float, say: Say) -> None:
    try:
        campaign.add(asyncio.run(played(seeds, safety_s, say)))
    except* TielineError as stopped:
        campaign.chapters += 1
        campaign.wrong["run"] += [f"seeds {list(seeds)}: {_first(stopped)}"]


def _first(group: BaseException) -> str:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return str(group)


def document(campaign: Campaign) -> dict[str, Any]:
    """Everything for machines; `invariants` name what was wrong, at most twenty each."""
    flight = campaign.in_flight
    return {
        "seed": campaign.seed,
        "version": __version__,
        "commit": commit(),
        "command": campaign.command,
        "chapters": campaign.chapters,
        "rounds": campaign.rounds,
        "duration_s": round(campaign.duration_s, 1),
        "kills": {"total": campaign.kills.total(), **campaign.kills},
        "sleeps": campaign.sleeps,
        "process_starts": campaign.restarts,
        "crash_points": {"distinct": len(campaign.points), "hit": dict(sorted(campaign.points.items()))},
        "in_flight_at_kills": {"max": max(flight, default=0), "total": sum(flight)},
        "network_faults": {"total": campaign.network.total(), **dict(sorted(campaign.network.items()))},
        **campaign.counts,
        "quiet_after_s": table({"": campaign.quiet_s}).get("", {}),
        "recovery": table(campaign.took_s),
        "invariants": {name: {"ok": not wrong, "wrong": wrong} for name, wrong in campaign.wrong.items()},
        "draws": campaign.draws,
        "verdict": "broken" if any(campaign.wrong.values()) else "held",
    }


def commit() -> str:
    """Of the source tree that runs, when it is one."""
    order = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short=12", "HEAD"]
    try:
        found = subprocess.run(order, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "unknown"
    return found.stdout.strip() or "unknown"

"""Chapters one after the other until the time is over: each on a stage of its own, so that an hour costs what a minute costs.

Every other chapter storms a hub with a standby; the ones between set one back to random instants. Store, look-alikes, history
and folder of a chapter are gone when the next begins; what stays are its sums and one line. The first chapter in which
anything did not hold ends the run, and its folder is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tieline.entrypoints.chaos import peaceful
from tieline.entrypoints.chaos.chapter import FIERCE, Chapter, Strength, played
from tieline.entrypoints.chaos.gauges import Gauge
from tieline.entrypoints.chaos.run import Say
from tieline.entrypoints.chaos.setback import ALONE, set_back
from tieline.kit.errors import Rejected, TielineError

STORM, SETBACK = "storm", "setback"
ROUNDS = {STORM: 3, SETBACK: 3}
WRONG_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One chapter. Its text is what repeats it."""

    kind: str
    seed: int

    def __str__(self) -> str:
        return f"{self.kind}:{self.seed}"

    @classmethod
    def parse(cls, text: str) -> Plan:
        kind, _, seed = text.partition(":")
        if kind not in ROUNDS or not seed.isdigit():
            raise Rejected(f"{text} is not a chapter: give {STORM}:SEED or {SETBACK}:SEED, as the report says.")
        return cls(kind=kind, seed=int(seed))

    @property
    def seeds(self) -> list[int]:
        chance = random.Random(f"chapter {self}")
        return [chance.randrange(1 << 31) for _ in range(ROUNDS[self.kind])]


def planned(seed: int, number: int) -> Plan:
    """Chapter `number`, counted from 0, of the run with this seed."""
    kind = SETBACK if number % 2 else STORM
    return Plan(kind=kind, seed=random.Random(f"campaign {seed} {number}").randrange(1 << 31))


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
    lines: list[dict[str, Any]] = field(default_factory=list)
    wrong: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    peaceful: dict[str, Any] = field(default_factory=dict)
    ended: bool = False
    repeat: str = ""  # the command that repeats the chapter which failed
    evidence: str = ""  # where what it left behind is kept

    @property
    def verdict(self) -> str:
        if any(self.wrong.values()):
            return "broken"
        return "held" if self.ended else "not finished"

    def add(self, chapter: Chapter) -> None:
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


def fought(campaign: Campaign, minutes: float, say: Say, keep: Callable[[], None]) -> None:
    """Whole chapters until `minutes` are over or one fails. `keep` writes the report, after each of them."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tieline-peaceful-", ignore_cleanup_errors=True) as place:
        Path(place).chmod(0o711)
        with peaceful.beside(Path(place), campaign.seed) as seen:
            try:
                while campaign.verdict != "broken" and (not campaign.lines or time.monotonic() - began < 60 * minutes):
                    one(campaign, planned(campaign.seed, len(campaign.lines)), say)
                    campaign.duration_s = time.monotonic() - began
                    campaign.peaceful = peaceful.seen(seen)
                    keep()
                campaign.ended = True
            finally:
                campaign.duration_s = time.monotonic() - began
                keep()


def one(campaign: Campaign, plan: Plan, say: Say) -> None:
    """A chapter on a folder of its own, which is kept when it fails."""
    folder = Path(tempfile.mkdtemp(prefix=f"tieline-chaos-{plan.kind}-{plan.seed}-"))
    folder.chmod(0o711)  # as root the server runs as a lesser user, which must be able to pass through
    chapter, began, whole = Chapter(), time.monotonic(), False
    campaign.repeat, campaign.evidence = f"tieline chaos --chapter {plan}", str(folder)
    try:
        play = played(chapter, plan.seeds, FIERCE, say, folder) if plan.kind == STORM else None
        asyncio.run(play or set_back(chapter, plan.seeds, ALONE, say, folder))
        whole = True
    except* TielineError as stopped:
        chapter.wrong["run"] = [str(_first(stopped))]
    except* Exception as stopped:
        chapter.wrong["run"] = [repr(_first(stopped))]
        raise
    finally:
        campaign.add(chapter)
        campaign.lines.append(_line(chapter, plan, time.monotonic() - began, whole=whole))
        campaign.chapters = len(campaign.lines)
        if any(chapter.wrong.values()):
            (folder / "wrong.json").write_text(json.dumps(chapter.wrong, indent=1))
        elif whole:
            shutil.rmtree(folder, ignore_errors=True)
            campaign.repeat = campaign.evidence = ""
    say(f"chapter {campaign.chapters} ({plan}): {campaign.kills.total()} kills so far: {campaign.lines[-1]['verdict']}")


def seeds_held(seeds: Sequence[int], safety_s: float, say: Say) -> Campaign:
    """One chapter with exactly these seeds."""
    campaign, began = Campaign(seed=seeds[0], command=f"seeds {seeds[0]} to {seeds[-1]}"), time.monotonic()
    chapter = Chapter()
    try:
        asyncio.run(played(chapter, seeds, Strength(safety_s=safety_s), say))
    except* TielineError as stopped:
        chapter.wrong["run"] = [f"seeds {list(seeds)}: {_first(stopped)}"]
    campaign.add(chapter)
    campaign.chapters, campaign.ended = 1, True
    campaign.duration_s = time.monotonic() - began
    return campaign


def _first(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group


def _line(chapter: Chapter, plan: Plan, seconds: float, *, whole: bool) -> dict[str, Any]:
    """One row of the report's table."""
    own = Gauge()
    with contextlib.suppress(OSError):
        own.look(os.getpid(), 0.0)
    flight = chapter.ledger.in_flight
    return {
        "chapter": str(plan), "minutes": round(seconds / 60, 1), "rounds": len(chapter.rounds), "kills": dict(chapter.ledger.kills),
        "points": len(chapter.points), "in_flight_max": max(flight, default=0), "in_flight": sum(flight),
        "network": chapter.network.total(), "contracts": chapter.counts["contracts"], "invoices": chapter.counts["invoices"],
        "effects": chapter.counts["effects"], "quiet_max_s": round(max((one.quiet_s for one in chapter.rounds), default=0.0), 1),
        "runner_mb": round(own.seen[0][1] / 1024) if own.seen else 0,
        "verdict": "broken" if any(chapter.wrong.values()) else "held" if whole else "broken off",
    }  # fmt: skip

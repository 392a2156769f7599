"""How fast things must go on after each kind of end, and whether they did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tieline.entrypoints.chaos.recovery import CALLS_ELSEWHERE, RESTORED, SHARDS_ELSEWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    figure: str  # p99_s or max_s
    at_most_s: float

    def met(self, times: Mapping[str, float]) -> bool:
        return times[self.figure] <= self.at_most_s


BARS: Mapping[str, Bar] = {
    SHARDS_ELSEWHERE: Bar(figure="p99_s", at_most_s=5.0),
    CALLS_ELSEWHERE: Bar(figure="p99_s", at_most_s=5.0),
    "postgres crash to the next commit": Bar(figure="max_s", at_most_s=10.0),
    "postgres failover to the next commit": Bar(figure="max_s", at_most_s=30.0),
    RESTORED: Bar(figure="max_s", at_most_s=600.0),  # without the time that the calls alone would take
}


def judged(recovery: Mapping[str, Mapping[str, float]]) -> dict[str, str]:
    """In words, for each figure that has a bar and was measured."""
    return {
        what: f"{bar.figure.removesuffix('_s')} at most {bar.at_most_s:g} s: {'met' if bar.met(recovery[what]) else 'missed'}"
        for what, bar in BARS.items()
        if what in recovery
    }

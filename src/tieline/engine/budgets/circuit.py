"""A system that is down is left alone: at most one probe a second over all workers. Pure; the store shares the state."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

FAILURES = 5  # one after another, with no good answer between: an outage, not an accident
PROBE_S, PROBE_S_MAX = 1.0, 5.0  # so that a vendor that comes back is found within seconds
JITTER = 0.3

State = Literal["closed", "open", "half_open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """`failures` in a row; `probes` that failed since it opened. Half open: one call is under way and decides."""

    state: State = "closed"
    failures: int = 0
    reason: str = ""

    @property
    def lets_through(self) -> bool:
        return self.state == "closed"


def failed(was: Circuit, reason: str) -> Circuit:
    """A call was not answered, or with an error of the server's own."""
    failures = was.failures + 1
    if was.state == "closed" and failures < FAILURES:
        return replace(was, failures=failures)
    return Circuit(state="open", failures=failures, reason=reason)


def succeeded(was: Circuit) -> Circuit:
    """Any answer shows that the system is up, a refusal as well."""
    return Circuit() if was != Circuit() else was


def probe_after_s(failures: int, chance: float) -> float:
    """Seconds until the next probe; `chance` in [0, 1) spreads the workers and connections, so that no wave forms (V3)."""
    slower = min(PROBE_S * 1.2 ** max(0, min(failures - FAILURES, 40)), PROBE_S_MAX)
    return slower * (1.0 + JITTER * chance)

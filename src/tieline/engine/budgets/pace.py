"""A rate per window, kept without counting windows: in any window, wherever it begins, at most the calls allowed. Pure."""

from __future__ import annotations

from dataclasses import dataclass

BURST = 0.05  # of a window's calls may come at once; the rest comes evenly


@dataclass(slots=True)
class Pace:
    """A bucket: `refill` a second up to `burst`. It begins empty, so that a change of hands brings no second burst."""

    burst: float = 1.0
    refill: float = float("inf")
    level: float = 0.0
    at: float = 0.0

    def set(self, calls: float | None, window_s: float, now: float) -> None:
        """From now on `calls` in any `window_s`; None: as many as there are."""
        self._flow(now)
        if calls is None:
            self.refill = float("inf")
            return
        self.burst = max(1.0, calls * BURST)
        self.refill = max(calls - self.burst, calls / 2) / window_s
        self.level = min(self.level, self.burst)

    def take(self, now: float) -> bool:
        """One call, if it may start now."""
        self._flow(now)
        if self.refill != float("inf"):
            if self.level < 1.0:
                return False
            self.level -= 1.0
        return True

    def charge(self, calls: int) -> None:
        """Calls that were made beyond those taken: a document may need several."""
        if self.refill != float("inf"):
            self.level -= calls

    def wait_s(self) -> float:
        """Until the next call may start, as of the last look."""
        return max(0.0, (1.0 - self.level) / self.refill) if self.refill > 0 else 1.0

    def _flow(self, now: float) -> None:
        if self.refill != float("inf"):
            self.level = min(self.burst, self.level + (now - self.at) * self.refill)
        self.at = now

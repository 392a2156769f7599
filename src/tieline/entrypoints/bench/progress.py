"""How far a long measurement is, on standard error: one line written anew on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

WIDTH = 24
LIVE_S, QUIET_S = 0.2, 15.0
Say = Callable[[str], None]


@dataclass(slots=True, kw_only=True)
class Progress:
    """Call `at` or `add` as often as you like; it speaks rarely."""

    what: str
    total: int
    say: Say
    live: bool = field(default_factory=lambda: sys.stderr.isatty())
    started: float = field(default_factory=time.monotonic)
    count: int = 0
    _told_at: float = field(default_factory=time.monotonic)

    def add(self, more: int) -> None:
        self.at(self.count + more)

    def at(self, done: int) -> None:
        self.count, now = done, time.monotonic()
        over = done >= self.total
        if not over and now - self._told_at < (LIVE_S if self.live else QUIET_S):
            return
        self._told_at = now
        line = line_of(self.what, done, self.total, now - self.started)
        if self.live:
            print(f"\r\x1b[K{line}", end="\n" if over else "", file=sys.stderr, flush=True)
        elif not over:  # what comes next says that this is over
            self.say(line)


def line_of(what: str, done: int, total: int, seconds: float) -> str:
    """`draining [#####…] 400,000 of 1,000,000, 2,310/s, 260 s left`."""
    full = WIDTH * min(done, total) // max(total, 1)
    rate = done / seconds if seconds > 0 else 0.0
    left = f", {(total - done) / rate:,.0f} s left" if rate and done < total else ""
    return f"{what} [{'#' * full}{'.' * (WIDTH - full)}] {done:,} of {total:,}, {rate:,.0f}/s{left}"

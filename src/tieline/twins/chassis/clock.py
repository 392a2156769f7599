"""The twin's own clock: the machine's time plus an offset that only the control plane moves."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """Moves with the machine, shifted by `offset_s`. Tests move it by hand instead of sleeping."""

    def __init__(self, offset_s: float = 0.0) -> None:
        self.offset_s = offset_s

    def time(self) -> float:
        """Seconds since the epoch, as this twin sees it."""
        return time.time() + self.offset_s

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time(), UTC)

    def text(self) -> str:
        """RFC 3339 with milliseconds and Z, the spelling that most vendors use."""
        return self.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def move(self, seconds: float) -> None:
        self.offset_s += seconds

    def set(self, moment: datetime) -> None:
        self.offset_s = moment.timestamp() - time.time()

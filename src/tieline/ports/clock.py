"""Business time: what "today" is to a contract. Leases, retries and intervals go by the wall clock and never ask this one."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class BusinessClock(Protocol):
    """Both answers cost no question to anybody: planning asks them all the time."""

    def present(self, now: datetime) -> datetime:
        """The business instant while the wall clock shows `now`. It never goes back in one process."""
        ...

    def then(self, stamp: datetime) -> datetime:
        """The business instant of something that was stamped by the wall clock."""
        ...


class WallClock:
    """Business time is the wall clock's, exactly."""

    def present(self, now: datetime) -> datetime:
        return now

    def then(self, stamp: datetime) -> datetime:
        return stamp


WALL = WallClock()

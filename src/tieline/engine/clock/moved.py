"""Clocks in memory. Pure: who moves one, and how others learn of it, is in the modules beside this one."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

STEADY_MOST = timedelta(hours=1)  # a wall clock that was set back further was wrong before, and is followed


class SteadyClock:
    """The wall clock, but when it is set back the time stands still until it has come up again: no day happens twice."""

    def __init__(self) -> None:
        self._latest = datetime.min.replace(tzinfo=UTC)

    def present(self, now: datetime) -> datetime:
        if now < self._latest and self._latest - now <= STEADY_MOST:
            return self._latest
        self._latest = now
        return now

    def then(self, stamp: datetime) -> datetime:
        return stamp


class MovedClock:
    """The wall clock and how far business time was ahead of it since when. It only ever gains."""

    def __init__(self) -> None:
        self._steady = SteadyClock()
        self._stamps: list[datetime] = []
        self._aheads: list[timedelta] = [timedelta(0)]

    @property
    def ahead(self) -> timedelta:
        return self._aheads[-1]

    def learn(self, moves: Iterable[tuple[datetime, timedelta]]) -> None:
        """Moves (from which wall clock instant on, how far ahead) that are newer than all known ones."""
        for moved_at, ahead in moves:
            self._stamps.append(max([moved_at, *self._stamps[-1:]]))
            self._aheads.append(max(ahead, self.ahead))

    def present(self, now: datetime) -> datetime:
        return self._steady.present(now) + self.ahead

    def then(self, stamp: datetime) -> datetime:
        return stamp + self._aheads[bisect_right(self._stamps, stamp)]

"""How much a vendor bears: what is declared, what its answers say, and what was used. No clock, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`concurrency` calls at once; `rate_calls` in any `rate_window_s`; `daily` calls a day. None: the vendor states none."""

    concurrency: int
    rate_calls: int | None = None
    rate_window_s: int = 1
    daily: int | None = None

    def __post_init__(self) -> None:
        given = (self.concurrency, self.rate_calls, self.rate_window_s, self.daily)
        if any(each is not None and each < 1 for each in given):
            raise ValueError("a limit is at least 1: leave it out where the vendor states none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What the headers of one answer say of the vendor's own count; others who share the limit are in it.

    `window_left` calls may still be made within `window_s` (0: it does not say); `day_used` of `day_limit` are spent.
    """

    window_left: int | None = None
    window_s: int = 0
    day_used: int | None = None
    day_limit: int | None = None


@dataclass(slots=True)
class Meter:
    """Written by the HTTP side of one connection, read by its budget: calls really made, and the newest sighting."""

    calls: int = 0
    newest: Sighting | None = None

    def answered(self, sighting: Sighting | None) -> None:
        self.calls += 1
        if sighting is not None:
            self.newest = sighting

    def take(self) -> Sighting | None:
        """The newest sighting, once."""
        seen, self.newest = self.newest, None
        return seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What one system of one tenant draws on. Systems that name the same `budget` share it."""

    budget: str
    limits: Limits
    meter: Meter = field(default_factory=Meter)


def header_numbers(headers: Mapping[str, str], *names: str) -> int | None:
    """The whole number in the first of these headers that holds one; absurd values say nothing."""
    for name in names:
        text = headers.get(name, "").split(",")[0].split(";")[0].strip()
        if text.isdecimal() and len(text) <= 12:
            return int(text)
    return None

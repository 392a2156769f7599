"""Half-open date ranges and the parsing of instants. "Until 31 March" is stored as `to = 1 April`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime


@dataclass(frozen=True, slots=True)
class DateRange:
    """Days from `start` up to, not including, `end`; `None` is open."""

    start: date | None = None
    end: date | None = None

    def __post_init__(self) -> None:
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise ValueError(f"a range must end after it starts: {self.start} to {self.end}")

    def covers(self, day: date) -> bool:
        return (self.start is None or self.start <= day) and (self.end is None or day < self.end)


def instant(text: str) -> datetime:
    """An RFC 3339 instant as UTC; a time without zone is refused (ValueError)."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return moment.astimezone(UTC)

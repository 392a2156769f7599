"""Instants and lengths of time as people type them."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, timedelta

from tieline.entrypoints.cli.exits import USAGE, Problem, problem

_LENGTH = re.compile(r"([1-9][0-9]{0,4})(m|h|d|w|mo|y)")
_MINUTES = {"m": 1, "h": 60, "d": 1_440, "w": 10_080}


def instant(text: str) -> datetime:
    """An instant; without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise _usage(f"{text} is no instant: write it like 2026-11-24T18:00:00Z.") from None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def later(now: datetime, text: str) -> datetime:
    """`now` and a length such as 30d. A month later is the same day of it, or its last where it is shorter."""
    found = _LENGTH.fullmatch(text)
    if found is None:
        raise _usage(f"{text} is no length of time: write it like 90m, 36h, 30d, 2w, 12mo or 1y.")
    number, unit = int(found[1]), found[2]
    try:
        if unit in _MINUTES:
            return now + timedelta(minutes=number * _MINUTES[unit])
        months = now.month - 1 + number * (12 if unit == "y" else 1)
        year, month = now.year + months // 12, months % 12 + 1
        return now.replace(year=year, month=month, day=min(now.day, calendar.monthrange(year, month)[1]))
    except (OverflowError, ValueError, calendar.IllegalMonthError):
        raise _usage(f"{text} from now on is after the last day that there is.") from None


def _usage(sentence: str) -> Problem:
    return problem(sentence, code="usage", status=400, exit_code=USAGE)

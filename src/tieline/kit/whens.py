"""When something is due, as people write it: "last business day at 18:00", "every monday at 07:00", "every 6h"."""

from __future__ import annotations

import re
from datetime import time
from typing import get_args

from tieline.kit.calendars import Span
from tieline.kit.schedules import Daily, Every, OnDay, Rule, Weekly

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WAYS = (
    "'every 6h'", "'daily at 02:30'", "'every monday at 07:00'", "'day 15 at 08:00'", "'last day of period at 18:00'",
    "'business day 3 at 08:00'", "'last business day of quarter at 18:00'",
)  # fmt: skip
_SPANS = "|".join(get_args(Span))
_EVERY = re.compile(r"every ([1-9][0-9]{0,4})([mhd])")
_DAILY = re.compile(r"(daily|every [a-z]+) at (\S+)")
_ON_DAY = re.compile(rf"(?:(last) )?(business )?day(?: (-?[1-9][0-9]{{0,2}}))?(?: of ({_SPANS}))? at (\S+)")
_MINUTES = {"m": 1, "h": 60, "d": 1_440}


def when(text: str) -> Rule:
    """The rule that `text` says. Raises ValueError with the ways to say it, or with what is wrong in a known one."""
    words = " ".join(text.split()).lower()
    if found := _EVERY.fullmatch(words):
        return Every(minutes=int(found[1]) * _MINUTES[found[2]])
    if found := _DAILY.fullmatch(words):
        return _on_weekday(found[1].removeprefix("every "), _time(found[2]))
    found = _ON_DAY.fullmatch(words)
    if found is None or (found[1] is None) == (found[3] is None):
        raise ValueError(f"must say when it is due, such as {', '.join(WAYS)}")
    number = -1 if found[1] else int(found[3])
    span: Span = next((each for each in get_args(Span) if each == found[4]), "month")
    at = _time(found[5])
    try:
        return OnDay(number=number, at=at, of=span, business=found[2] is not None)
    except ValueError as error:
        raise ValueError(f"asks for a day that is never there: {error}") from None


def _on_weekday(word: str, at: time) -> Daily | Weekly:
    if word in ("daily", "day"):
        return Daily(at=at)
    if word not in WEEKDAYS:
        raise ValueError(f"names the weekday '{word}', and there are {', '.join(WEEKDAYS)}")
    return Weekly(weekday=WEEKDAYS.index(word), at=at)


def _time(text: str) -> time:
    found = re.fullmatch(r"([01][0-9]|2[0-3]):([0-5][0-9])", text)
    if found is None:
        raise ValueError(f"has the time '{text}': write it as hours and minutes from 00:00 to 23:59")
    return time(int(found[1]), int(found[2]))

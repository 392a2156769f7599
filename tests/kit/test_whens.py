"""When something is due, as people write it in tieline.yaml."""

from __future__ import annotations

from datetime import time

import pytest

from tieline.kit.schedules import Daily, Every, OnDay, Rule, Weekly
from tieline.kit.whens import when

SAID: list[tuple[str, Rule]] = [
    ("every 15m", Every(minutes=15)),
    ("every 6h", Every(minutes=360)),
    ("every 2d", Every(minutes=2_880)),
    ("daily at 02:30", Daily(at=time(2, 30))),
    ("Every  Monday at 07:00", Weekly(weekday=0, at=time(7))),
    ("day 15 at 08:00", OnDay(number=15, at=time(8))),
    ("last day of period at 18:00", OnDay(number=-1, at=time(18), of="period")),
    ("last business day at 18:00", OnDay(number=-1, at=time(18), business=True)),
    ("business day 3 of quarter at 08:05", OnDay(number=3, at=time(8, 5), of="quarter", business=True)),
    ("business day -2 of year at 23:59", OnDay(number=-2, at=time(23, 59), of="year", business=True)),
]
REFUSED = [
    ("monthly", "must say when it is due, such as 'every 6h'"),
    ("last day 3 at 08:00", "must say when it is due"),
    ("business day at 08:00", "must say when it is due"),
    ("day 0 at 08:00", "must say when it is due"),
    ("daily at 24:00", "has the time '24:00'"),
    ("daily at 2am", "has the time '2am'"),
    ("every munday at 07:00", "names the weekday 'munday'"),
    ("every 0h", "must say when it is due"),
    ("day 32 at 08:00", "a month has days 1 to 31"),
    ("business day 24 at 08:00", "a month has business days 1 to 23"),
    ("", "must say when it is due"),
]


@pytest.mark.parametrize(("text", "rule"), SAID, ids=[text for text, _ in SAID])
def test_what_people_write_is_the_rule_they_mean(text: str, rule: Rule) -> None:
    assert when(text) == rule


@pytest.mark.parametrize(("text", "said"), REFUSED, ids=[text or "nothing" for text, _ in REFUSED])
def test_what_nobody_could_mean_is_refused_with_the_way_to_say_it(text: str, said: str) -> None:
    with pytest.raises(ValueError) as refused:
        when(text)
    assert said in str(refused.value)

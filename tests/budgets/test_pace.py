"""A rate per window holds in every window, wherever it begins, and wastes little of it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.engine.budgets.pace import Pace


@given(calls=st.integers(1, 300), window=st.sampled_from([1, 15, 60]), gaps=st.lists(st.floats(0, 4), max_size=60))
@settings(max_examples=200, deadline=None)
def test_no_window_ever_holds_more_calls_than_the_vendor_allows(calls: int, window: int, gaps: list[float]) -> None:
    pace, now, made = Pace(), 0.0, []
    pace.set(calls, window, now)
    for gap in gaps:
        now += gap * window / 4
        made += [now for _ in range(calls + 2) if pace.take(now)]
    for first in made:
        assert sum(first <= moment < first + window for moment in made) <= calls


def test_F7_a_hundred_calls_in_fifteen_seconds_are_used_to_nine_tenths() -> None:
    pace, now, made = Pace(), 0.0, 0
    pace.set(100, 15, now)
    while now < 150:
        now += 0.05
        made += pace.take(now)
    assert made >= 0.9 * 1000


def test_a_document_that_took_several_calls_is_paid_for_afterwards() -> None:
    pace = Pace()
    pace.set(60, 60, 0.0)
    pace.take(10.0)
    pace.charge(4)
    assert not pace.take(12.0)
    assert pace.wait_s() > 1

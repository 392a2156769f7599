"""What is learned from answers: against a model of a vendor whose places a stranger takes and leaves."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.engine.budgets.learned import PAUSE_MOST_S, Learned, answered, silence_s, turned_away

LATENCY_S = 0.05


def drain(calls: int, places: Callable[[float], int], slots: int = 15, seed: int = 1) -> tuple[float, float]:
    """(efficiency, part turned away) of `calls` made as fast as learned; `places(t)` are free for us at the vendor.

    Efficiency: the shortest possible time, every free place always used, over the time taken.
    """
    dice = random.Random(seed)
    state, now, done, rejected, possible = Learned(), 0.0, 0, 0, 0.0
    ends: list[tuple[float, int, float, int, bool]] = []
    number = 0
    while done < calls:
        while len(ends) < state.most(slots) and done + len(ends) < calls + slots:
            number += 1
            borne = sum(1 for end in ends if end[4]) < places(now)
            lasts = LATENCY_S * dice.uniform(0.8, 1.2) if borne else 0.005
            heapq.heappush(ends, (now + lasts, number, now, len(ends) + 1, borne))
        ended, _, started, at_once, borne = heapq.heappop(ends)
        possible += (ended - now) * places(now) / LATENCY_S
        now = ended
        if borne:
            done += 1
            state = answered(state, at_once, slots)
        else:
            rejected += 1
            state = turned_away(state, at_once, started, now)
        assert 1 <= state.most(slots) <= slots
    return done / possible, rejected / (done + rejected)


def test_F7_fifteen_places_of_which_a_stranger_holds_four_are_used_to_nine_tenths_with_few_turned_away() -> None:
    efficiency, rejected = drain(6_000, lambda t: 11)
    assert (efficiency >= 0.9, rejected < 0.01) == (True, True), (efficiency, rejected)


@pytest.mark.parametrize("every_s", [3.0, 8.0])
def test_F7_a_stranger_who_comes_and_goes_is_followed(every_s: float) -> None:
    efficiency, rejected = drain(10_000, lambda t: 9 if int(t / every_s) % 2 else 13)
    assert (efficiency >= 0.85, rejected < 0.01) == (True, True), (efficiency, rejected)


def test_a_vendor_that_bears_all_that_was_agreed_is_used_whole_and_never_turns_anybody_away() -> None:
    efficiency, rejected = drain(3_000, lambda t: 15)
    assert (efficiency >= 0.95, rejected) == (True, 0.0), efficiency


def test_after_the_stranger_has_left_for_good_its_places_are_found() -> None:
    state = Learned()
    for n in range(200):
        state = turned_away(state, 6, float(n), float(n)) if n < 3 else answered(state, state.most(15), 15)
    assert state.most(15) <= 7
    for _ in range(6_000):
        state = answered(state, state.most(15), 15)
    assert state.most(15) == 15


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 40)), max_size=300))
@settings(max_examples=200, deadline=None)
def test_whatever_a_vendor_answers_at_least_one_call_is_made_and_never_more_than_was_leased(
    answers: list[tuple[bool, int]],
) -> None:
    state = Learned()
    for moment, (good, at_once) in enumerate(answers):
        state = answered(state, at_once, 12) if good else turned_away(state, at_once, moment - 0.5, float(moment))
        assert 1 <= state.most(12) <= 12
        assert 0 <= silence_s(state) <= PAUSE_MOST_S


def test_calls_that_were_started_together_and_turned_away_together_are_one_lesson() -> None:
    state = Learned(at_once=10)
    for _ in range(5):
        state = turned_away(state, 10, started_at=1.0, now=2.0)
    assert state.ceiling == 9
    assert state.most(15) == 7


def test_F7_a_days_quota_that_is_gone_is_asked_for_ever_more_rarely_until_one_call_is_answered() -> None:
    state = Learned(at_once=1.0)
    waits = []
    for n in range(14):
        state = turned_away(state, 1, float(n), float(n))
        waits.append(silence_s(state))
    assert waits[:4] == [0.5, 1.0, 2.0, 4.0]
    assert waits[-1] == PAUSE_MOST_S
    assert silence_s(answered(state, 1, 15)) == 0.0

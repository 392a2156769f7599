"""Business time as a process keeps it in memory: it never goes back, and old stamps keep the day they had."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tieline.engine.clock import MovedClock, SteadyClock

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
MINUTES = st.lists(st.integers(-59, 600), min_size=1, max_size=30)


def test_a_wall_clock_that_jumps_back_ten_minutes_at_midnight_gives_no_second_evening() -> None:
    clock, midnight = SteadyClock(), datetime(2027, 3, 1, tzinfo=UTC)
    after, back = midnight + timedelta(minutes=1), midnight - timedelta(minutes=9)
    assert clock.present(after) == after
    assert clock.present(back) == after
    assert clock.present(after + timedelta(seconds=1)) == after + timedelta(seconds=1)


def test_a_wall_clock_that_was_years_wrong_is_followed_when_it_is_put_right() -> None:
    clock = SteadyClock()
    clock.present(NOON.replace(year=2037))
    assert clock.present(NOON) == NOON


@given(MINUTES)
def test_however_the_wall_clock_jumps_within_the_hour_business_time_never_goes_back(jumps: list[int]) -> None:
    clock, now, furthest = SteadyClock(), NOON, NOON
    clock.present(NOON)
    for minutes in jumps:
        now = max(now + timedelta(minutes=minutes), furthest - timedelta(minutes=59))
        furthest = max(furthest, now)
        assert clock.present(now) == furthest


def test_what_was_seen_before_a_move_keeps_the_day_on_which_it_was_seen() -> None:
    clock = MovedClock()
    clock.learn([(NOON, timedelta(days=30)), (NOON + timedelta(minutes=1), timedelta(days=60))])
    before, between, after = (NOON + timedelta(seconds=s) for s in (-1, 30, 90))
    assert clock.then(before) == before
    assert clock.then(between) == between + timedelta(days=30)
    assert clock.then(after) == after + timedelta(days=60) == clock.present(after)


@given(st.lists(st.tuples(st.integers(-100, 100), st.integers(0, 100)), max_size=20), MINUTES)
def test_whatever_moves_are_learnt_business_time_and_stamps_keep_their_order(
    moves: list[tuple[int, int]], stamps: list[int]
) -> None:
    clock, seen = MovedClock(), NOON
    for seconds, days in moves:
        clock.learn([(NOON + timedelta(seconds=seconds), timedelta(days=days))])
        present = clock.present(NOON)
        assert present >= seen
        seen = present
    then = [clock.then(NOON + timedelta(minutes=each)) for each in sorted(stamps)]
    assert then == sorted(then)

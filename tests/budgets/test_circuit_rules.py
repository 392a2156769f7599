"""When a system counts as down, and how often it is asked whether it is back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tieline.engine.budgets.circuit import FAILURES, PROBE_S, PROBE_S_MAX, Circuit, failed, probe_after_s, succeeded


def test_one_lost_answer_is_an_accident_and_five_in_a_row_are_an_outage() -> None:
    state = Circuit()
    for n in range(FAILURES):
        assert state.lets_through, n
        state = failed(state, "it cannot be reached")
    assert (state.state, state.reason) == ("open", "it cannot be reached")


def test_an_answer_between_failures_shows_that_the_system_is_up() -> None:
    state = Circuit()
    for _ in range(50):
        for _ in range(FAILURES - 1):
            state = failed(state, "cut off")
        state = succeeded(state)
    assert state == Circuit()


def test_F15_the_first_answer_after_an_outage_closes_the_circuit() -> None:
    assert succeeded(Circuit(state="open", failures=40, reason="down")).lets_through


@given(failures=st.integers(0, 10_000), chance=st.floats(0, 1, exclude_max=True))
def test_V3_there_is_at_most_one_probe_a_second_and_one_at_least_every_seven(failures: int, chance: float) -> None:
    assert PROBE_S <= probe_after_s(failures, chance) <= 1.3 * PROBE_S_MAX

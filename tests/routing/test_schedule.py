"""The schedule and the endpoint's health as pure rules, over any chance and any answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tieline.routing.health import Health, Waiting, after, waiting_after
from tieline.routing.schedule import ATTEMPTS_MAX, JITTER, PATIENCE, STEPS_S, wait_s
from tieline.routing.verdicts import Answered, Outcome, judge

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
chances = st.floats(0, 1, exclude_max=True)
statuses = st.one_of(st.none(), st.integers(100, 599))
wishes = st.one_of(st.none(), st.floats(0, 1e9))


def test_the_schedule_is_that_of_standard_webhooks() -> None:
    assert [wait_s(n, 0.0) for n in range(1, 10)] == [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    assert STEPS_S[0] == 0 and ATTEMPTS_MAX == 10


@given(st.integers(1, 10_000), chances)
def test_V3_jitter_is_later_never_earlier_and_never_more_than_a_tenth(attempts: int, chance: float) -> None:
    step = STEPS_S[min(attempts, 9)]
    assert step <= wait_s(attempts, chance) <= step * (1 + JITTER)


@given(st.integers(1, 20), chances, chances)
def test_each_wait_is_at_least_as_long_as_the_one_before(attempts: int, one: float, other: float) -> None:
    assert wait_s(attempts + 1, one) * (1 + JITTER) >= wait_s(attempts, other)


@given(statuses, wishes)
def test_only_an_answer_from_200_to_299_is_a_yes(status: int | None, wish: float | None) -> None:
    verdict = judge(Answered(status=status, retry_after_s=wish))
    assert verdict.delivered == (status is not None and 200 <= status < 300)
    assert (verdict.outcome is Outcome.GONE) == (status == 410)
    assert (verdict.outcome is Outcome.THROTTLED) == (status in (429, 502, 504))


@given(st.lists(st.tuples(statuses, wishes, chances), min_size=1, max_size=60))
def test_an_endpoint_without_a_yes_is_off_after_five_days_and_never_before_unless_it_says_410(
    answers: list[tuple[int | None, float | None, float]],
) -> None:
    """Every answer comes at the instant that the health itself names."""
    health, now, failing_since = Health(), NOW, None
    for status, wish, chance in answers:
        verdict = judge(Answered(status=status, retry_after_s=wish))
        health = after(health, verdict, now, chance)
        if verdict.delivered:
            failing_since = None
            assert not health.suspect and health.next_at is None and health.last_success_at == now
            continue
        failing_since = failing_since or now
        if health.off is not None:
            assert health.off == ("gone" if status == 410 else "failing")
            assert status == 410 or now - failing_since == PATIENCE
            return
        assert health.next_at is not None and now < health.next_at <= failing_since + PATIENCE
        now = health.next_at


@given(st.floats(1, 86_400), chances, st.integers(0, 9))
def test_a_throttling_receivers_wish_is_kept_and_does_not_count_as_a_refusal(
    wish: float, chance: float, attempts: int
) -> None:
    waiting = Waiting(attempts=attempts, due_at=NOW, since=NOW)
    found = waiting_after(waiting, judge(Answered(status=429, retry_after_s=wish)), Health(), NOW, chance)
    assert timedelta(seconds=wish) <= found.due_at - NOW <= timedelta(seconds=wish * (1 + JITTER) + 0.001)
    assert found.attempts == attempts and not found.own


@given(st.lists(chances, min_size=10, max_size=10))
def test_a_message_is_given_up_only_when_the_endpoint_took_others_meanwhile(chance: list[float]) -> None:
    for takes_others in (True, False):
        waiting, now = Waiting(due_at=NOW, since=NOW), NOW
        for each in chance:
            health = Health(last_success_at=now if takes_others else None)
            waiting = waiting_after(waiting, judge(Answered(status=422)), health, now, each)
            now = waiting.due_at
        assert waiting.exhausted == takes_others

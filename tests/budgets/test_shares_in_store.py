"""Slots shared through the store: the sum in use never exceeds the limit, and a dead worker's come back. Time is given."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from database import Database
from tieline.adapters.postgres import roles

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TTL_S, LINGER_S = 2.0, 1.0


class Office:
    """The store as workers ask it, at instants that the test chooses."""

    def __init__(self, connection: psycopg.Connection[dict[str, Any]]) -> None:
        self.connection, self.seconds = connection, 0.0

    def ask(self, worker: str, limit: int = 8, keep: int = 0, wanted: int = 99, **more: Any) -> dict[str, Any]:
        row = {
            "budget": "netsuite-prod", "limit": limit, "keep": keep, "wanted": wanted, "learned": 1, "linger_s": LINGER_S,
            "returned": 0, "extra": 0, "batch": 16, "calls": 0, "turned_away": 0, "pause_s": 0,
        } | more  # fmt: skip
        at = START + timedelta(seconds=self.seconds)
        found = self.connection.execute(
            "select * from renew_budgets(%s, %s::numeric, %s::jsonb, %s)", (worker, TTL_S, json.dumps([row]), at)
        ).fetchone()
        assert found is not None
        return found


@pytest.fixture
def office(database: Database) -> Iterator[Office]:
    with closing(psycopg.connect(database.conninfo(roles.WORKER), autocommit=True, row_factory=dict_row)) as connection:
        yield Office(connection)


def test_a_worker_alone_has_all_slots_and_two_share_them(office: Office) -> None:
    assert office.ask("a")["slots"] == 8
    assert office.ask("b")["slots"] == 0  # a holds them until it hears of b
    share = office.ask("a", keep=8)["share"]
    assert share == 4
    assert office.ask("a", keep=share)["slots"] == 4
    assert office.ask("b")["slots"] == 4


def test_what_one_worker_does_not_want_is_lent_to_the_other(office: Office) -> None:
    office.ask("a", wanted=2)
    assert office.ask("b")["slots"] == 6
    assert office.ask("a", keep=2, wanted=99)["slots"] == 2
    assert office.ask("b", keep=4)["slots"] == 4
    assert office.ask("a", keep=2)["slots"] == 4


def test_the_slots_of_a_killed_worker_come_back_when_its_time_is_over_and_not_before(office: Office) -> None:
    assert office.ask("killed")["slots"] == 8
    office.seconds = TTL_S + LINGER_S - 0.1
    assert office.ask("b")["slots"] == 0
    office.seconds = TTL_S + LINGER_S
    assert office.ask("b")["slots"] == 8


def test_a_worker_that_ends_in_order_leaves_its_slots_at_once(office: Office) -> None:
    office.ask("a")
    office.connection.execute("select leave_budgets('a')")
    assert office.ask("b")["slots"] == 8


def test_a_worker_that_was_stopped_and_wakes_up_finds_its_slots_gone(office: Office) -> None:
    office.ask("zombie")
    office.seconds = TTL_S + LINGER_S + 1
    assert office.ask("b")["slots"] == 8
    assert office.ask("zombie", keep=8)["slots"] == 0


def test_two_workers_at_a_single_slot_have_it_in_turns(office: Office) -> None:
    had = {"a": 0, "b": 0}
    share = {"a": 1, "b": 1}
    for _ in range(60):
        office.seconds += 0.5
        for worker in had:
            answer = office.ask(worker, limit=1, keep=share[worker])
            share[worker] = min(answer["share"], answer["slots"])
            had[worker] += answer["slots"]
    assert min(had.values()) >= 20, had


@pytest.mark.parametrize("seed", range(6))
def test_the_sum_of_slots_in_use_never_exceeds_the_limit_whoever_stops_wakes_or_dies(office: Office, seed: int) -> None:
    """Three workers follow the rule (nothing starts after the lease, calls last at most `linger`); one of them freezes."""
    dice = random.Random(seed)
    limit = dice.choice([1, 3, 8, 15])
    slots = dict.fromkeys("abc", 0)
    share = dict.fromkeys("abc", 0)
    until = dict.fromkeys("abc", 0.0)
    calls: list[tuple[str, float]] = []  # (worker, end)
    for _ in range(250):
        office.seconds += dice.uniform(0.0, 0.4)
        now = office.seconds
        calls = [call for call in calls if call[1] > now]
        worker = dice.choice("aabc")  # c is often frozen for seconds
        under_way = sum(1 for who, _ in calls if who == worker)
        if dice.random() < 0.5:
            keep = max(under_way, min(slots[worker], share[worker]))
            answer = office.ask(worker, limit=limit, keep=keep, wanted=dice.randint(0, 20))
            slots[worker], share[worker], until[worker] = answer["slots"], answer["share"], now + TTL_S
        elif now < until[worker]:
            calls += [(worker, now + dice.uniform(0, LINGER_S)) for _ in range(slots[worker] - under_way)]
        assert len(calls) <= limit


def test_F7_a_pause_that_one_worker_was_asked_for_holds_for_all(office: Office) -> None:
    office.ask("a", pause_s=30, pause_reason="it asks for fewer calls")
    office.seconds = 10
    answer = office.ask("b")
    assert (float(answer["paused_s"]), answer["reason"]) == (20.0, "it asks for fewer calls")
    office.seconds = 31
    assert office.ask("b")["paused_s"] == 0


def test_F7_a_days_quota_is_given_out_in_batches_that_add_up_to_it_and_begins_anew_the_next_day(office: Office) -> None:
    given = [office.ask(worker, daily=100, batch=30)["batch"] for worker in "abcde"]
    assert given == [30, 30, 30, 10, 0]
    assert office.ask("a", daily=100, batch=30, returned=12)["batch"] == 12
    office.seconds = 16 * 3600
    assert office.ask("a", daily=100, batch=30)["batch"] == 30


def test_F7_what_the_vendor_counts_is_believed_for_others_share_the_quota(office: Office) -> None:
    answer = office.ask("a", batch=30, day_used=14_980, day_limit=15_000)
    assert answer["batch"] == 20
    assert office.ask("a", batch=30, day_used=14_980)["batch"] == 0


def test_who_only_compares_takes_what_workers_leave_and_gives_it_back_when_they_come(office: Office) -> None:
    assert office.ask("census", wanted=8, background=True)["slots"] == 8
    assert office.ask("w", wanted=99)["slots"] == 0  # until the census hears of it
    share = office.ask("census", keep=8, wanted=8, background=True)["share"]
    assert share == 1
    assert office.ask("census", keep=share, wanted=8, background=True)["slots"] == 1
    assert office.ask("w", wanted=99)["slots"] == 7


def test_who_only_compares_is_no_equal_of_two_workers(office: Office) -> None:
    for _ in range(3):
        slots = {
            name: office.ask(name, keep=4, wanted=99, background=name == "census")["slots"]
            for name in ("a", "b", "census")
        }
    assert sum(slots.values()) <= 8
    assert slots["census"] <= 1
    assert min(slots["a"], slots["b"]) >= 3


def test_of_a_single_slot_the_census_gets_a_turn_in_eighty_seconds_and_a_worker_nearly_all_others(
    office: Office,
) -> None:
    held: dict[str, int] = {"w": 0, "census": 0}
    for half_seconds in range(2 * 2 * 80):
        office.seconds = half_seconds / 2
        for name in held:
            got = office.ask(name, limit=1, keep=0, wanted=3, background=name == "census")["slots"]
            held[name] += got
    assert held["census"] >= 2
    assert held["w"] > 0.85 * 2 * 2 * 80 - 20

"""T4: the claim is fair over tenants and classes, and what waits costs nothing."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import psycopg
import pytest

from database import Database
from tieline.adapters.postgres import roles

ALL = list(range(256))


class Queue:
    def __init__(self, database: Database) -> None:
        self.admin = psycopg.connect(database.admin, autocommit=True)
        self.worker = psycopg.connect(database.conninfo(roles.WORKER), autocommit=True)

    def fill(self, tenant: str, rows: int, priority: int = 5, system: str = "erp", later_s: int = -60) -> None:
        self.admin.execute(
            "insert into due (tenant_id, replica_id, system, shard, step, due_at, priority)"
            " select %s, %s || g, %s, hashint4(g) & 255, 'push', now() + make_interval(secs => %s), %s"
            " from generate_series(1, %s) as g",
            (tenant, f"{system}{priority}-", system, later_s, priority, rows),
        )

    def claim(self, n: int = 256, busy: Sequence[str] = (), weights: dict[str, int] | None = None) -> list[Any]:
        return self.worker.execute(
            "select tenant_id, priority, system from claim_due(%s::smallint[], %s, %s::text[], '{}'::text[], %s)",
            (ALL, n, list(busy), json.dumps(weights or {})),
        ).fetchall()


@pytest.fixture
def queue(database: Database) -> Iterator[Queue]:
    made = Queue(database)
    with closing(made.admin), closing(made.worker):
        yield made


def test_T4_quiet_firms_come_at_once_beside_a_firm_with_a_hundred_thousand_due(queue: Queue) -> None:
    queue.fill("noisy", 100_000, later_s=-3_600)
    queue.fill("quiet", 40)
    queue.fill("small", 1)
    got = Counter(tenant for tenant, *_ in queue.claim())
    assert got == {"quiet": 40, "small": 1, "noisy": 215}


def test_T4_of_a_full_claim_each_firm_has_the_part_of_its_weight(queue: Queue) -> None:
    for tenant in ("a", "b", "c"):
        queue.fill(tenant, 2_000)
    got = Counter(tenant for tenant, *_ in queue.claim(n=200, weights={"a": 2, "b": 1, "c": 1}))
    assert got == {"a": 100, "b": 50, "c": 50}


def test_within_a_firm_what_is_critical_goes_first_and_the_rest_keeps_its_part(queue: Queue) -> None:
    for priority in (1, 5, 9):
        queue.fill("a", 2_000, priority=priority)
    got = Counter(priority for _, priority, _ in queue.claim(n=222))
    assert got == {1: 192, 5: 24, 9: 6}


def test_a_few_releases_are_taken_before_a_long_queue_of_states(queue: Queue) -> None:
    queue.fill("a", 20_000, priority=5, later_s=-3_600)
    queue.fill("a", 3, priority=1)
    assert [priority for _, priority, _ in queue.claim()].count(1) == 3


def test_O5_a_system_that_takes_nothing_leaves_the_whole_claim_to_the_others(queue: Queue) -> None:
    queue.fill("a", 5_000, system="down")
    queue.fill("a", 300, system="up")
    assert Counter(system for *_, system in queue.claim(busy=["a/down"])) == {"up": 256}


def test_what_is_due_later_is_not_taken(queue: Queue) -> None:
    queue.fill("a", 500, later_s=3_600)
    queue.fill("b", 5)
    assert Counter(tenant for tenant, *_ in queue.claim()) == {"b": 5}


def test_a_worker_of_the_version_before_claims_with_four_arguments(queue: Queue) -> None:
    queue.fill("a", 10)
    rows = queue.worker.execute(
        "select * from claim_due(%s::smallint[], 256, '{}'::text[], '{}'::text[])", (ALL,)
    ).fetchall()
    assert len(rows) == 10


def test_a_queue_ten_times_as_long_costs_no_more(queue: Queue) -> None:
    """The cost is what is taken: the same claim before a short and a long queue, the best of several."""
    queue.fill("a", 5_000)
    queue.admin.execute("vacuum analyze due")
    short = _best_s(queue)
    queue.fill("a", 95_000, priority=5, system="erp2")
    queue.admin.execute("vacuum analyze due")
    assert _best_s(queue) < 4 * short  # twice as many groups, and a busy machine


def _best_s(queue: Queue) -> float:
    def once() -> float:
        started = time.perf_counter()
        queue.claim()
        return time.perf_counter() - started

    return min(once() for _ in range(12))

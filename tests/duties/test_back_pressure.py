"""V4: the edge says 503 with a time to come back before it collapses; what people order is refused last."""

from __future__ import annotations

import time
from typing import Any

import psycopg
import pytest

from database import Database
from tieline.adapters.postgres import roles
from tieline.adapters.postgres.pools import pool as make_pool
from tieline.api.pressure import BACKLOG_MIN, DISK_FREE_CRITICAL, DISK_FREE_MIN, Overloaded, Pressure


class Nobody:
    """A pool that is never asked: the measurements are told by hand."""

    def connection(self, timeout: float) -> Any:
        raise OSError("no store here")


def pressed(waiting: int, drained_per_s: float = 0.0, free: int | None = None) -> Pressure:
    nobody: Any = Nobody()
    made = Pressure(nobody, lambda: free, drained_per_s=drained_per_s, free=free)
    made.note(waiting, 0, time.monotonic())
    made.drained_per_s = drained_per_s
    return made


def admitted(pressure: Pressure, *, critical: bool) -> bool:
    try:
        pressure.admit(critical=critical)
    except Overloaded:
        return False
    return True


async def test_V4_more_than_a_minute_of_work_is_refused_with_the_time_that_it_takes() -> None:
    with pytest.raises(Overloaded) as refused:
        pressed(waiting=70_000, drained_per_s=1000).admit(critical=False)
    assert 11 <= refused.value.retry_after_s <= 11 * 1.5


async def test_V4_what_a_person_orders_is_let_in_while_webhooks_are_refused() -> None:
    assert admitted(pressed(waiting=70_000, drained_per_s=1000), critical=True)
    assert not admitted(pressed(waiting=70_000, drained_per_s=1000), critical=False)


async def test_a_faster_drain_takes_a_longer_backlog() -> None:
    pressed(waiting=70_000, drained_per_s=2000).admit(critical=False)


async def test_a_burst_is_taken_although_nothing_was_drained_before() -> None:
    pressed(waiting=BACKLOG_MIN).admit(critical=False)


async def test_V4_a_disk_that_fills_refuses_webhooks_first_and_orders_before_it_is_full() -> None:
    low = pressed(waiting=0, free=DISK_FREE_MIN - 1)
    low.admit(critical=True)
    with pytest.raises(Overloaded, match="nearly full"):
        low.admit(critical=False)
    with pytest.raises(Overloaded):
        pressed(waiting=0, free=DISK_FREE_CRITICAL - 1).admit(critical=True)


async def test_an_old_measurement_refuses_nobody() -> None:
    made = pressed(waiting=10_000_000)
    made.note(10_000_000, 0, time.monotonic() - 11)
    made.admit(critical=False)


async def test_the_drain_rate_is_learnt_from_what_left_the_queue() -> None:
    nobody: Any = Nobody()
    made = Pressure(nobody)
    for second in range(30):
        made.note(50_000, 1000 * second, 100.0 + second)
    assert made.drained_per_s == pytest.approx(1000, rel=0.01)
    assert made.limit == pytest.approx(60_000, rel=0.01)


async def test_V4_the_backlog_of_all_firms_is_seen_by_the_api_role_without_reading_a_row(database: Database) -> None:
    with psycopg.connect(database.admin, autocommit=True) as admin:
        admin.execute(
            "insert into intake (tenant_id, input_id, received_at, shard)"
            " select 'a', gen_random_uuid(), now(), 1 from generate_series(1, 300)"
        )
        admin.execute("select pg_stat_force_next_flush()")
        async with make_pool(database.conninfo(roles.API), "api") as pool:
            made = Pressure(pool)
            made.admit(critical=False)
            assert made._measuring is not None
            await made._measuring
    assert made.waiting == 300

"""A duty is done by one scheduler at a time (F27), goes on when that one dies, and says how it went (L5)."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import psycopg
import pytest
from duty_world import schedulers, until, until_row

from database import Database
from tieline.adapters.postgres import roles
from tieline.engine.duties import Duty, DutyLost, Term, fence, term
from tieline.engine.duties import duty as duty_module
from tieline.engine.rows import tenant_transaction
from tieline.kit.errors import Unavailable


class Log:
    """Who ran when: rounds of one duty, over all schedulers."""

    def __init__(self) -> None:
        self.under_way = 0
        self.most_at_once = 0
        self.rounds: list[tuple[str, int, float]] = []

    def duty(self, name: str, every_s: float = 0.02, lasts_s: float = 0.01) -> Duty:
        async def round_() -> int:
            held = term()
            assert held is not None
            self.under_way += 1
            self.most_at_once = max(self.most_at_once, self.under_way)
            try:
                await asyncio.sleep(lasts_s)
                self.rounds.append((held.owner, held.epoch, time.monotonic()))
            finally:
                self.under_way -= 1
            return 0

        return Duty(name=name, every_s=every_s, run=round_)


async def test_F27_three_schedulers_compete_and_one_has_the_duty(database: Database) -> None:
    log = Log()
    async with schedulers(database) as world:
        for name in ("s1", "s2", "s3"):
            await world.start(name, [log.duty("seal")])
        await until(lambda: len(log.rounds) >= 30, "thirty rounds")
    assert log.most_at_once == 1
    assert len({(owner, epoch) for owner, epoch, _ in log.rounds}) == 1


async def test_an_ordered_end_hands_the_duty_over_at_once(database: Database) -> None:
    log = Log()
    async with schedulers(database) as world:
        leaving, work = await world.start("s1", [log.duty("seal")], lease_s=30.0)
        await until(lambda: len(log.rounds) >= 3, "three rounds")
        leaving.stop()
        await work
        await world.start("s2", [log.duty("seal")], lease_s=0.6)
        await until(lambda: any(owner == "s2" for owner, _, _ in log.rounds), "the second has it", seconds=5)


async def test_D5_a_scheduler_whose_lease_was_taken_writes_nothing_more(database: Database) -> None:
    async with (
        schedulers(database) as world,
        await psycopg.AsyncConnection.connect(database.conninfo(roles.SCHEDULER), autocommit=True) as connection,
    ):
        log = Log()
        await world.start("s2", [log.duty("seal")])
        await until(lambda: len(log.rounds) >= 1, "a round of the present holder")
        _, epoch, _ = log.rounds[0]
        duty_module._term.set(Term("seal", epoch - 1, "s1", time.monotonic() + 60))
        with pytest.raises(DutyLost):
            async with tenant_transaction(connection, "acme") as cursor:
                await fence(cursor)
        duty_module._term.set(Term("seal", epoch, "s2", time.monotonic() + 60))
        async with tenant_transaction(connection, "acme") as cursor:
            await fence(cursor)


async def test_a_round_that_did_something_is_followed_at_once(database: Database) -> None:
    left = [1] * 20

    async def drain() -> int:
        return left.pop() if left else 0

    async with schedulers(database) as world:
        await world.start("s1", [Duty(name="drain", every_s=0.4, run=drain)])
        started = time.monotonic()
        await until(lambda: not left, "drained")
        assert time.monotonic() - started < 4.0  # twenty rounds at their own distance would take eight


async def test_L5_a_round_that_fails_is_tried_again_and_tells_why_and_others_go_on(database: Database) -> None:
    calls: list[float] = []

    async def broken() -> int:
        calls.append(time.monotonic())
        raise Unavailable("The archive cannot be reached.")

    log = Log()
    async with schedulers(database) as world:
        await world.start("s1", [Duty(name="archive", every_s=0.05, run=broken), log.duty("seal")])
        row = await until_row(world, "select * from duties where duty = 'archive' and last_error is not null")
        assert row["last_error"] == "The archive cannot be reached."
        assert row["last_ok_at"] is None
        await until(lambda: len(calls) >= 2, "tried again")
        fine = await until_row(world, "select * from duties where duty = 'seal' and last_ok_at is not null")
        assert fine["last_error"] is None


async def test_L5_a_round_that_hangs_is_ended_and_told(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tieline.engine.duties.runner.ROUND_S_MAX", 0.1)

    async def hang() -> int:
        await asyncio.Event().wait()
        return 0

    async with schedulers(database) as world:
        await world.start("s1", [Duty(name="hang", every_s=1.0, run=hang)])
        row = await until_row(world, "select * from duties where last_error is not null")
        assert "did not end" in row["last_error"]


async def test_the_store_going_away_pauses_duties_and_they_resume(database: Database) -> None:
    log = Log()
    async with schedulers(database) as world:
        await world.start("s1", [log.duty("seal")])
        await until(lambda: len(log.rounds) >= 2, "rounds before")
        async with await psycopg.AsyncConnection.connect(database.admin, autocommit=True) as admin:
            await admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'tieline_scheduler'"
                " and datname = current_database()"
            )
        before = len(log.rounds)
        await until(lambda: len(log.rounds) >= before + 30, "rounds after")


def test_two_duties_of_one_name_are_refused() -> None:
    from tieline.engine.duties import Runner

    async def nothing() -> int:
        return 0

    pool: Any = None
    with pytest.raises(ValueError, match="share a name"):
        Runner(pool, [Duty(name="a", every_s=1, run=nothing), Duty(name="a", every_s=2, run=nothing)], "s1")

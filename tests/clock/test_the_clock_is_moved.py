"""The clock of a rehearsal: moved through the store, forward only, from one due instant to the next, known to all at once."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from datetime import time as hour

import psycopg
import pytest
from clock_world import TENANT, clock_world, until, wall

from database import Database
from tieline.adapters.postgres import roles
from tieline.engine.clock import ask_for, kept, standing
from tieline.engine.duties.schedules import Schedule
from tieline.engine.rows import Cursor
from tieline.kit.errors import Conflict, Rejected
from tieline.kit.schedules import Every, OnDay, Place

DAY = timedelta(days=1)


async def test_the_clock_goes_where_it_is_sent_and_stays_ahead_of_the_wall(database: Database) -> None:
    async with clock_world(database) as world:
        target = wall() + 400 * DAY
        await world.go(target)
        assert timedelta(0) <= world.now() - target < timedelta(seconds=5)
        async with world.orders() as cursor:
            found = await standing(cursor)
        assert (found.target, found.moves) == (None, 1)


async def test_the_clock_is_never_set_back(database: Database) -> None:
    async with clock_world(database) as world:
        await world.go(wall() + 30 * DAY)
        with pytest.raises(Rejected, match="only goes forward"):
            await world.ask(wall() + 29 * DAY)
        aheads = [row["ahead"] for row in await world.rows("select ahead from clock_moves order by move_id")]
        assert aheads == sorted(aheads)


async def test_a_store_of_real_days_has_no_clock_to_move(database: Database) -> None:
    async with (
        await psycopg.AsyncConnection.connect(database.conninfo(roles.API), autocommit=True) as connection,
        connection.cursor(row_factory=psycopg.rows.dict_row) as cursor,
    ):
        with pytest.raises(Conflict, match="wall clock"):
            await ask_for(cursor, wall() + DAY, wall())


async def test_every_process_sees_a_move_within_a_second_and_one_that_starts_later_at_once(database: Database) -> None:
    async with (
        clock_world(database) as world,
        kept(database.conninfo(roles.WORKER)) as one,
        kept(database.conninfo(roles.SCHEDULER)) as other,
    ):
        target = wall() + 90 * DAY
        await world.go(target)
        moved = time.monotonic()
        await until(lambda: min(one.present(wall()), other.present(wall())) >= target, "both know it")
        assert time.monotonic() - moved < 1.0
        async with kept(database.conninfo(roles.API)) as late:
            assert late.present(wall()) >= target


async def test_a_year_is_passed_from_one_due_instant_to_the_next_and_each_is_met_on_its_own_day(
    database: Database,
) -> None:
    met: list[tuple[datetime, datetime]] = []

    def schedule(name: str, rule: Every | OnDay) -> Schedule:
        async def act(cursor: Cursor, due: datetime) -> None:
            met.append((due, world.now()))

        return Schedule(tenant=TENANT, name=name, rule=rule, place=Place(zone="Europe/Berlin"), act=act, missed="all")

    schedules = [
        schedule("closing", OnDay(number=-1, at=hour(18), business=True)), schedule("weekly", Every(minutes=7 * 1440)),
    ]  # fmt: skip
    async with clock_world(database, schedules) as world:
        start = time.monotonic()
        await world.go(datetime(wall().year + 2, 1, 1, tzinfo=UTC))
        assert len(met) >= 12 + 52
        assert [due for due, _ in met] == sorted(due for due, _ in met)
        assert max(now - due for due, now in met) < timedelta(seconds=5)
        assert time.monotonic() - start < 30


async def test_a_move_interrupted_by_a_crash_goes_on_with_the_next_scheduler(database: Database) -> None:
    async with clock_world(database) as world:
        target = wall() + 30 * DAY
        await world.ask(target)
    async with clock_world(database) as world:
        while await world.journey.round():
            pass
        assert world.now() >= target


async def test_what_is_not_worked_off_is_waited_for_and_then_time_goes_on(database: Database) -> None:
    async with clock_world(database, patience_s=0.5) as world:
        await world.rows(
            "insert into lane_dirty (tenant_id, lane, shard) values (%s, 'contract:c1', 1) returning lane", TENANT
        )
        start = time.monotonic()
        await world.go(wall() + 30 * DAY)
        assert time.monotonic() - start >= 0.5

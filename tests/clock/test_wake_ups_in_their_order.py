"""D6, V2: wake-ups of a contract fire at their own hour and in their order, however far the clock is sent at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from clock_world import TENANT, ClockWorld, clock_world, wall
from stepping import Desk, Shelf, change, desk

from database import Database
from tieline.engine.clock import SteadyClock
from tieline.ports.decisions import Decision, Desired, Notice, Target, WakeAt
from tieline.ports.flows import Snapshot

BERLIN = ZoneInfo("Europe/Berlin")


def month_after(moment: datetime) -> datetime:
    local = moment.astimezone(BERLIN)
    return datetime(local.year + local.month // 12, local.month % 12 + 1, 1, tzinfo=BERLIN).astimezone(UTC)


def monthly(snapshot: Snapshot) -> Iterator[Decision]:
    """Keeps the month of each item in its system, and looks again when the next one begins in Berlin."""
    for record in snapshot.records["item"].values():
        target = Target(kind="value", key=record.id, role="shelf", legal_entity="E1")
        yield Desired(target=target, doc={"month": f"{snapshot.now.astimezone(BERLIN):%Y-%m}"})
        yield WakeAt(at=month_after(snapshot.now))


def months_from(moment: datetime, count: int) -> list[str]:
    found = [moment]
    while len(found) < count:
        found.append(month_after(found[-1]))
    return [f"{each.astimezone(BERLIN):%Y-%m}" for each in found]


def instant_of(month: str) -> datetime:
    return datetime.strptime(month, "%Y-%m").replace(tzinfo=BERLIN)


def by_the_clock(d: Desk, world: ClockWorld) -> None:
    """The desk's worker goes by the clock of the store."""
    d.setup = replace(d.setup, clock=world.clock)
    landscape: Any = {TENANT: d.setup}
    d.worker.planner.landscape = d.worker.pump.landscape = landscape


@asynccontextmanager
async def working(d: Desk) -> AsyncIterator[None]:
    """The worker runs by itself, as in a hub."""
    work = asyncio.create_task(d.worker.run())
    try:
        yield
    finally:
        d.worker.stop()
        await work


async def test_D6_a_year_in_one_order_reaches_a_system_as_thirteen_months_in_their_order(database: Database) -> None:
    shelf = Shelf()
    async with clock_world(database) as world, desk(database, monthly, shelf) as d:
        by_the_clock(d, world)
        began = wall()
        await d.apply(change({"id": "a"}, 1), change({"id": "b"}, 1))
        async with working(d):
            start = time.monotonic()
            await world.go(instant_of(months_from(began, 13)[-1]))
            assert time.monotonic() - start < 30
        for key in ("a", "b"):
            months = [put.doc["month"] for put in shelf.puts if put.document_key == key]
            assert months == months_from(began, 13)
        assert await d.statuses() == {"a": "in_step", "b": "in_step"}


async def test_V3_what_is_due_to_a_system_goes_by_the_wall_clock_however_far_business_time_is_ahead(
    database: Database,
) -> None:
    async with clock_world(database) as world, desk(database, monthly, Shelf()) as d:
        by_the_clock(d, world)
        await world.go(wall() + timedelta(days=365))
        await d.apply(change({"id": "a"}, 1))
        await d.plan()
        (row,) = await d.rows("select d.due_at, r.latest_at, l.wake_at from due d, replicas r, lanes l")
        assert abs(row["due_at"] - wall()) < timedelta(minutes=1)
        assert abs(row["latest_at"] - wall()) < timedelta(hours=2)
        assert row["wake_at"] == month_after(world.now())


class HandsOfAWall(SteadyClock):
    """The clock of a hub on a machine whose hands somebody else sets."""

    hands = datetime.min.replace(tzinfo=UTC)

    def present(self, now: datetime) -> datetime:
        return super().present(self.hands)


async def test_D6_a_wall_clock_that_jumps_back_over_midnight_plans_no_day_twice(database: Database) -> None:
    shelf, midnight = Shelf(), datetime(2027, 1, 31, 23, tzinfo=UTC)  # February begins in Berlin
    clock = HandsOfAWall()
    async with desk(database, monthly, shelf) as d:
        d.setup = replace(d.setup, clock=clock)
        await d.apply(change({"id": "a"}, 1))
        for minutes in (-1, 1, -9, -5, 2):
            clock.hands = midnight + timedelta(minutes=minutes)
            await d.plan("item:a")
            await d.pump()
        assert [put.doc["month"] for put in shelf.puts] == ["2027-01", "2027-02"]


async def test_a_notice_that_is_out_of_date_by_business_time_is_not_sent(database: Database) -> None:
    def notice(snapshot: Snapshot) -> Iterator[Decision]:
        for record in snapshot.records["item"].values():
            yield Notice(
                target=Target(kind="value", key=record.id, role="shelf", legal_entity="E1"), doc={"id": record.id},
                cause=f"told:{record.id}", expires_at=snapshot.now + timedelta(days=1),
            )  # fmt: skip

    shelf = Shelf()
    async with clock_world(database, patience_s=0.1) as world, desk(database, notice, shelf) as d:
        by_the_clock(d, world)
        await d.apply(change({"id": "old"}, 1))
        await d.plan()
        await world.go(wall() + timedelta(days=30))
        await d.apply(change({"id": "new"}, 1))
        await d.plan()
        await d.pump()
        assert [put.document_key for put in shelf.puts] == ["new"]

"""What ends, what wakes by itself and what is told once: retraction is said, never concluded from silence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from stepping import Desk, Shelf, change, desk

from database import Database
from tieline.kit.errors import Unknown
from tieline.ports.decisions import Decision, Desired, Ended, Hold, Notice, Target, WakeAt
from tieline.ports.flows import Snapshot
from tieline.ports.systems import OperationClass

START = datetime.now(UTC)


def target(key: str) -> Target:
    return Target(kind="order", key=key, role="shelf", legal_entity="E1")


def living_flow(snapshot: Snapshot) -> Iterator[Decision]:
    """An item is wanted, silent, or ended as its `state` says; `wake_s` asks to be looked at again."""
    for record in snapshot.records["item"].values():
        match record.doc.get("state", "wanted"):
            case "silent":
                continue
            case "held":
                yield Hold(code="PAUSED", subject=record.id, owner="pmo", sentence="It is paused.", way_out="Go on.")
            case "wanted":
                yield Desired(target=target(record.id), doc={"value": record.doc.get("value")})
            case how:
                yield Ended(target=target(record.id), how=how)


def sleeping_flow(snapshot: Snapshot) -> Iterator[Decision]:
    """Nothing is wanted before the item's hour; then it is held for everybody to see."""
    for record in snapshot.records["item"].values():
        begins = datetime.fromisoformat(record.doc["begins_at"])
        if snapshot.now < begins:
            yield WakeAt(at=begins)
        else:
            yield Hold(code="AWAKE", subject=record.id, owner="pmo", sentence="It has begun.", way_out="Nothing.")


def telling_flow(snapshot: Snapshot) -> Iterator[Decision]:
    for record in snapshot.records["item"].values():
        yield Notice(
            target=target(record.id), doc={"value": record.doc["value"]}, cause=record.id,
            expires_at=datetime.fromisoformat(record.doc["until"]),
        )  # fmt: skip


async def held_in_shelf(d: Desk) -> None:
    await d.apply(change({"id": "a1", "value": "10"}, 1))
    await d.settle()
    assert await d.statuses() == {"a1": "in_step"}


async def test_what_a_flow_no_longer_mentions_stays_as_it_is(database: Database) -> None:
    shelf = Shelf()
    async with desk(database, living_flow, shelf) as d:
        await held_in_shelf(d)
        await d.apply(change({"id": "a1", "state": "silent"}, 2))
        await d.settle()
        assert await d.statuses() == {"a1": "in_step"}
    assert (len(shelf.puts), shelf.ends) == (1, [])


@pytest.mark.parametrize("how", ["close", "cancel"])
async def test_an_end_that_is_said_is_sent_once_and_stays(database: Database, how: str) -> None:
    shelf = Shelf()
    async with desk(database, living_flow, shelf) as d:
        await held_in_shelf(d)
        for version in (2, 3):
            await d.apply(change({"id": "a1", "state": how, "note": str(version)}, version))
            await d.settle()
        assert await d.statuses() == {"a1": "ended"}
    assert shelf.ends == [("a1", how)]


async def test_what_is_left_is_forgotten_in_place_and_nothing_is_sent(database: Database) -> None:
    shelf = Shelf()
    async with desk(database, living_flow, shelf) as d:
        await held_in_shelf(d)
        await d.apply(change({"id": "a1", "state": "leave"}, 2))
        await d.settle()
        assert await d.statuses() == {"a1": "ended"}
        assert await d.rows("select 1 from due") == []
    assert (len(shelf.puts), shelf.ends) == (1, [])


async def test_a_hold_is_lifted_when_its_cause_is_gone_and_both_are_journaled(database: Database) -> None:
    async with desk(database, living_flow, Shelf()) as d:
        await d.apply(change({"id": "a1", "state": "held"}, 1))
        await d.plan()
        assert await d.open_holds() == ["PAUSED"]
        await d.apply(change({"id": "a1", "state": "wanted", "value": "10"}, 2))
        await d.plan()
        assert await d.open_holds() == []
        events = await d.rows("select type from events where type like '%%hold%%' order by lane_seq")
    assert [row["type"] for row in events] == ["dev.tieline.hold.raised.v1", "dev.tieline.hold.lifted.v1"]


async def test_a_hold_that_goes_on_keeps_the_day_since_when_it_is_there(database: Database) -> None:
    async with desk(database, living_flow, Shelf()) as d:
        since = []
        for version in (1, 2):
            await d.apply(change({"id": "a1", "state": "held", "note": str(version)}, version))
            await d.plan()
            since += await d.rows("select since, hold_id from holds")
    assert len(since) == 2 and since[0] == since[1]


async def test_D6_a_lane_wakes_by_itself_when_its_hour_has_come_and_not_before(database: Database) -> None:
    clock = [START]
    begins = START + timedelta(days=3)
    async with desk(database, sleeping_flow, now=lambda: clock[0]) as d:
        await d.apply(change({"id": "a1", "begins_at": begins.isoformat()}, 1))
        await d.plan()
        clock[0] = begins - timedelta(seconds=1)
        await d.plan()
        assert await d.open_holds() == []
        clock[0] = begins
        await d.plan()
        assert await d.open_holds() == ["AWAKE"]
        assert await d.rows("select 1 from lanes where wake_at is not null") == []


async def test_an_earlier_hour_replaces_a_later_one(database: Database) -> None:
    clock = [START]
    async with desk(database, sleeping_flow, now=lambda: clock[0]) as d:
        for version, days in ((1, 9), (2, 2)):
            await d.apply(change({"id": "a1", "begins_at": (START + timedelta(days=days)).isoformat()}, version))
            await d.plan()
        clock[0] = START + timedelta(days=2)
        await d.plan()
        assert await d.open_holds() == ["AWAKE"]


async def told(d: Desk, version: int, value: str, minutes: float) -> None:
    until = (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()
    await d.apply(change({"id": "a1", "value": value, "until": until}, version))
    await d.settle()


async def test_D7_a_notice_is_told_once_and_never_again_on_replay(database: Database) -> None:
    shelf = Shelf()
    async with desk(database, telling_flow, shelf) as d:
        await told(d, 1, "invoice posted", 10)
        await told(d, 2, "invoice posted", 20)
        await d.plan("item:a1")
        await d.settle()
    assert shelf.values() == [("a1", {"value": "invoice posted"})]


async def test_a_notice_that_comes_too_late_is_not_told(database: Database) -> None:
    shelf = Shelf()
    async with desk(database, telling_flow, shelf) as d:
        await told(d, 1, "meeting in five minutes", -1)
        assert await d.statuses() == {"a1": "ended"}
    assert shelf.puts == []


async def test_a_notice_whose_answer_was_lost_is_not_repeated_and_nobody_is_asked(database: Database) -> None:
    shelf = Shelf(op_class=OperationClass.N)

    def lost(envelope: object) -> None:
        shelf.puts.append(envelope)  # type: ignore[arg-type]
        raise Unknown("the answer was lost")

    shelf.on_put = lost
    async with desk(database, telling_flow, shelf) as d:
        await told(d, 1, "invoice posted", 10)
        await d.plan("item:a1")
        await d.settle()
        assert await d.statuses() == {"a1": "ended"}
        assert await d.open_holds() == []
    assert len(shelf.puts) == 1


async def test_a_notice_that_was_told_is_not_told_again_through_another_system(database: Database) -> None:
    """The firm moves its mailbox: what the old one heard, the new one does not hear once more."""
    old, new = Shelf(), Shelf(name="new")
    async with desk(database, telling_flow, old, new) as d:
        await told(d, 1, "invoice posted", 10)
        d.setup = replace(d.setup, route=lambda role, legal_entity: "new")
        await d.plan("item:a1")
        await d.settle()
    assert (len(old.puts), new.puts) == (1, [])

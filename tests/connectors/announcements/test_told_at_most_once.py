"""The engine, the connector and a mailbox that counts: whatever breaks, nobody is told of one invoice twice."""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "engine"))
from stepping import Desk, change, desk
from world import TENANT

from database import Database
from tieline import sdk
from tieline.adapters.http import GuardedHttp
from tieline.connectors.announcements.connector import Announcements
from tieline.connectors.announcements.settings import AnnouncementsSettings
from tieline.engine.pumps.takeover import take_over
from tieline.engine.shards import SHARDS
from tieline.ports.decisions import Decision, Notice, Target
from tieline.ports.flows import Snapshot
from tieline.sdk.system import ConnectedSystem
from tieline.twins.process import Served, served

SECRET = "whsec_" + base64.b64encode(b"thirty-two bytes of shared secret").decode()
LIVES = timedelta(days=1)


def telling_flow(snapshot: Snapshot) -> Iterator[Decision]:
    """Says at every planning that the invoice is posted, as the invoice flow does."""
    for record in snapshot.records["item"].values():
        yield Notice(
            target=Target(kind="invoice_notice", key=record.id, role="mailbox", legal_entity="E1"),
            doc={"invoice_id": record.id, "total": {"amount": "84000.00", "currency": "EUR"}},
            cause=f"invoice.posted:{record.id}",
            expires_at=snapshot.now + LIVES,
        )


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served("mailbox", tmp_path_factory.mktemp("mailbox"), secret=SECRET) as twin:
        yield twin


@pytest.fixture
def mailbox(process: Served) -> Iterator[Served]:
    process.heal()
    process.control("reset", {})
    yield process
    if process.process.poll() is not None:
        process.start()


@asynccontextmanager
async def connected(mailbox: Served) -> AsyncIterator[ConnectedSystem]:
    http = GuardedHttp(mailbox.url, name="The mailbox", allow_private_addresses=True)
    settings = AnnouncementsSettings(base_url=mailbox.url, path="/notices", signing_secret_ref="env:S")
    try:
        yield ConnectedSystem("mailbox", Announcements(settings, http, {"signing_secret": sdk.Secret(SECRET)}, {}))
    finally:
        await http.aclose()


@asynccontextmanager
async def hub(
    database: Database, mailbox: Served, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> AsyncIterator[Desk]:
    async with connected(mailbox) as system, desk(database, telling_flow, system, now=now) as d:
        yield d


async def posted(d: Desk, version: int = 1, **more: str) -> None:
    await d.apply(change({"id": "inv_1", **more}, version))


async def told(mailbox: Served) -> list[str]:
    return [entry["payload"]["data"]["invoice_id"] for entry in await asyncio.to_thread(mailbox.journal)]


async def later(d: Desk) -> None:
    """Whatever is due at any later time is due now, and everything is planned again."""
    await d.rows("update due set due_at = now() returning 1")
    await d.plan("item:inv_1")
    await d.settle()


async def test_D7_planning_again_and_again_tells_nobody_twice(database: Database, mailbox: Served) -> None:
    async with hub(database, mailbox) as d:
        await posted(d)
        await d.settle()
        assert await d.statuses() == {"inv_1": "in_step"}
        for version in (2, 3):
            await posted(d, version, note=str(version))
            await d.settle()
        await later(d)
    assert await told(mailbox) == ["inv_1"]


async def test_D7_another_process_that_starts_on_the_same_store_tells_nobody_again(
    database: Database, mailbox: Served
) -> None:
    for _ in range(2):
        async with hub(database, mailbox) as d:
            await posted(d)
            await d.settle()
            await later(d)
            await d.rows("delete from workers returning 1")
    assert await told(mailbox) == ["inv_1"]


@pytest.mark.parametrize("arrived", [True, False], ids=["it had arrived", "it had not arrived"])
async def test_F1_F2_a_notice_whose_answer_was_lost_is_not_repeated_and_nobody_is_asked(
    database: Database, mailbox: Served, arrived: bool
) -> None:
    lost = {"code": "F1" if arrived else "F2", "hold_s": 0}
    mailbox.faults([{"match": {"method": "POST"}, "fault": lost, "times": 1}])
    async with hub(database, mailbox) as d:
        await posted(d)
        await d.settle()
        await later(d)
        assert (await d.statuses(), await d.open_holds()) == ({"inv_1": "ended"}, [])
    assert await told(mailbox) == (["inv_1"] if arrived else [])


async def test_D5_a_notice_whose_sender_died_before_it_noted_the_answer_is_not_repeated(
    database: Database, mailbox: Served
) -> None:
    async with (
        connected(mailbox) as system,
        desk(database, telling_flow, system) as old,
        desk(database, telling_flow, system, name="w2", beat=False) as new,
    ):
        await posted(old)
        await old.plan()
        await old.worker.pump.claim()
        await asyncio.wait_for(asyncio.gather(*old.worker.pump._calls), timeout=5)
        await old.rows("update workers set lease_until = now() - interval '1 second' returning 1")
        await new.beat()
        await old.worker.pump.drain()
        assert await new.statuses() == {"inv_1": "sending"}
        async with new.pool.connection() as connection:
            await take_over(connection, new.leases, new.worker.landscape, list(range(SHARDS)), new.now())
        await later(new)
        assert (await new.statuses(), await new.open_holds()) == ({"inv_1": "ended"}, [])
    assert await told(mailbox) == ["inv_1"]


async def test_a_notice_that_found_the_mailbox_closed_is_told_once_when_it_opens(
    database: Database, mailbox: Served
) -> None:
    clock = [datetime.now(UTC)]
    async with hub(database, mailbox, now=lambda: clock[0]) as d:
        mailbox.kill()
        await posted(d)
        await d.plan()
        await d.pump()
        assert await d.statuses() == {"inv_1": "pending"}
        mailbox.start()
        d.worker.pump._paused.clear()
        clock[0] += LIVES - timedelta(minutes=1)
        await later(d)
        assert await d.statuses() == {"inv_1": "in_step"}
    assert await told(mailbox) == ["inv_1"]


async def test_a_notice_whose_day_is_over_when_the_mailbox_opens_is_not_told_any_more(
    database: Database, mailbox: Served
) -> None:
    clock = [datetime.now(UTC)]
    async with hub(database, mailbox, now=lambda: clock[0]) as d:
        mailbox.kill()
        await posted(d)
        await d.plan()
        await d.pump()
        mailbox.start()
        d.worker.pump._paused.clear()
        clock[0] += LIVES
        await later(d)
        assert (await d.statuses(), await d.open_holds()) == ({"inv_1": "ended"}, [])
        await later(d)
    assert await told(mailbox) == []


async def test_a_refused_notice_is_shown_to_its_owner_and_told_once_when_it_is_taken(
    database: Database, mailbox: Served
) -> None:
    mailbox.faults([{"match": {"method": "POST"}, "fault": {"code": "F7", "dialect": "403_limit"}, "times": 1}])
    async with hub(database, mailbox) as d:
        await posted(d)
        await d.settle()
        assert (await d.statuses(), await d.open_holds()) == ({"inv_1": "held"}, ["REJECTED"])
        (hold,) = await d.rows("select hold_id from holds")
        await d.commands.retry(TENANT, "item:inv_1", hold["hold_id"], "anna")
        await later(d)
        assert (await d.statuses(), await d.open_holds()) == ({"inv_1": "in_step"}, [])
    assert await told(mailbox) == ["inv_1"]

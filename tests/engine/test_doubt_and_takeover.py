"""Between the intent and its outcome anything may break: nobody is left sending for ever, and nothing is sent twice (D5)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from shaky_line import Where, shaky
from stepping import Desk, Shelf, change, desk
from world import TENANT

from database import Database
from tieline.adapters.postgres import roles
from tieline.engine.leases import LeaseLost, fence
from tieline.engine.pumps.outcomes import flush_outcomes
from tieline.engine.pumps.takeover import take_over
from tieline.engine.rows import tenant_transaction
from tieline.engine.shards import SHARDS
from tieline.kit.errors import Unknown
from tieline.ports.decisions import Decision, Desired, Target
from tieline.ports.flows import Snapshot
from tieline.ports.systems import Envelope, ExternalRef, OperationClass


def plain_flow(snapshot: Snapshot) -> Iterator[Decision]:
    for record in snapshot.records["item"].values():
        target = Target(kind="order", key=record.id, role="shelf", legal_entity="E1")
        yield Desired(target=target, doc={"value": record.doc["value"]})


async def planned(d: Desk, count: int = 1) -> None:
    await d.apply(*(change({"id": f"a{n}", "value": "10"}, 1) for n in range(1, count + 1)))
    await d.plan()


@pytest.mark.parametrize("where", ["before the commit", "after the commit"])
async def test_F33_an_intent_whose_commit_is_in_doubt_is_sent_exactly_once(
    database: Database, tmp_path: Path, where: Where
) -> None:
    shelf = Shelf()
    async with (
        shaky(database.conninfo(roles.WORKER), tmp_path) as (through, line),
        desk(database, plain_flow, shelf, conninfo=through) as d,
    ):
        await planned(d, 3)
        line.cut_at(where, after=b"into effect_keys")
        with pytest.raises(psycopg.OperationalError):
            await d.worker.pump.claim()
        assert (line.cuts, shelf.puts) == (1, [])
        await d.rows("update due set due_at = now() returning 1")
        await d.pump()
        await d.rows("update due set due_at = now() returning 1")
        await d.settle()
        assert await d.statuses() == dict.fromkeys(("a1", "a2", "a3"), "in_step")
    assert sorted(put.document_key for put in shelf.puts) == ["a1", "a2", "a3"]


async def test_F33_what_is_in_doubt_is_remembered_while_the_store_stays_away(
    database: Database, tmp_path: Path
) -> None:
    shelf = Shelf()
    async with (
        shaky(database.conninfo(roles.WORKER), tmp_path) as (through, line),
        desk(database, plain_flow, shelf, conninfo=through) as d,
    ):
        await planned(d)
        line.cut_at("after the commit", after=b"into effect_keys")
        with pytest.raises(psycopg.OperationalError):
            await d.worker.pump.claim()
        line.cut_at("before the commit", after=b"")
        with pytest.raises(psycopg.OperationalError):
            await d.worker.pump.settle_doubtful()
        await d.worker.pump.settle_doubtful()
        assert await d.statuses() == {"a1": "pending"}
    assert shelf.puts == []


async def test_D5_a_call_that_the_lease_forbade_goes_back_into_the_queue(database: Database) -> None:
    """The lease was just running out when the call was to start, and was renewed in time: the intent is not forgotten."""
    shelf = Shelf()
    async with desk(database, plain_flow, shelf) as d:
        await planned(d)
        d.leases.deadline = time.monotonic()
        await d.pump()
        assert (shelf.puts, await d.statuses()) == ([], {"a1": "pending"})
        await d.beat()
        await d.rows("update due set due_at = now() returning 1")
        await d.settle()
    assert len(shelf.puts) == 1


async def test_D4_the_look_after_a_lost_answer_waits_until_it_can_be_trusted(database: Database) -> None:
    """Five seconds for the call to end, two for the search to show it: a look before that proves nothing."""
    shelf = Shelf(op_class=OperationClass.Q)

    def happened_and_lost(envelope: Envelope) -> ExternalRef | None:
        shelf.puts.append(envelope)
        raise Unknown("the answer was lost")

    shelf.on_put = happened_and_lost
    async with desk(database, plain_flow, shelf) as d:
        await planned(d)
        asked = d.now()
        await d.pump()
        due = await d.rows("select step, due_at from due")
        assert [row["step"] for row in due] == ["look"]
        assert due[0]["due_at"] - asked >= timedelta(seconds=7)
        await d.rows("update due set due_at = now() returning 1")
        await d.settle()
        assert await d.statuses() == {"a1": "in_step"}
    assert len(shelf.puts) == 1


async def expire(d: Desk) -> None:
    await d.rows("update workers set lease_until = now() - interval '1 second' returning 1")


async def test_D5_a_worker_that_lost_its_lease_sends_nothing_and_writes_nothing(database: Database) -> None:
    first, second = Shelf(), Shelf()
    async with (
        desk(database, plain_flow, first) as old,
        desk(database, plain_flow, second, name="w2", beat=False) as new,
    ):
        await planned(old)
        await expire(old)
        await new.beat()
        await old.pump()
        assert first.puts == []
        with pytest.raises(LeaseLost):
            await old.plan("item:a1")
        await new.settle()
    assert (len(first.puts), len(second.puts)) == (0, 1)


async def test_D5_an_outcome_that_comes_after_the_lease_is_left_to_the_successor(database: Database) -> None:
    """The call ended too late: only the successor says what became of it, by asking the system."""
    shelf = Shelf(op_class=OperationClass.Q)
    async with (
        desk(database, plain_flow, shelf) as old,
        desk(database, plain_flow, shelf, name="w2", beat=False) as new,
    ):
        await planned(old)
        await old.worker.pump.claim()
        await asyncio.wait_for(asyncio.gather(*old.worker.pump._calls), timeout=2)
        await expire(old)
        await new.beat()
        await old.worker.pump.drain()
        assert await new.statuses() == {"a1": "sending"}
        async with new.pool.connection() as connection:
            await take_over(connection, new.leases, new.worker.landscape, list(range(SHARDS)), new.now())
        due = await new.rows("select step, due_at - now() as wait from due")
        assert (due[0]["step"], due[0]["wait"] > timedelta(seconds=3)) == ("look", True)
        await new.rows("update due set due_at = now() returning 1")
        await new.settle()
        assert await new.statuses() == {"a1": "in_step"}
    assert len(shelf.puts) == 1


async def test_D5_taking_over_touches_only_what_an_earlier_owner_left(database: Database) -> None:
    """A slow take-over runs beside our own first calls: those are under way and not left behind."""
    shelf = Shelf(op_class=OperationClass.N)
    gate = asyncio.Event()

    async def wait(envelope: Envelope) -> ExternalRef:
        await gate.wait()
        return ExternalRef(id="ext-a1")

    shelf.put = wait  # type: ignore[method-assign]
    async with desk(database, plain_flow, shelf) as d:
        await planned(d)
        await d.worker.pump.claim()
        async with d.pool.connection() as connection:
            await take_over(connection, d.leases, d.worker.landscape, list(range(SHARDS)), d.now())
        assert (await d.statuses(), await d.open_holds()) == ({"a1": "sending"}, [])
        gate.set()
        await d.worker.pump.drain()
        assert await d.statuses() == {"a1": "written"}


async def test_F31_a_take_over_that_met_a_dead_store_is_made_up_for_at_the_next_beat(
    database: Database, tmp_path: Path
) -> None:
    """Otherwise a shard would be held whose former calls nobody ever resolves."""
    shelf = Shelf()
    async with (
        shaky(database.conninfo(roles.WORKER), tmp_path) as (through, line),
        desk(database, plain_flow, Shelf(on_put=_never)) as old,
        desk(database, plain_flow, shelf, name="w2", beat=False, conninfo=through) as new,
    ):
        await planned(old)
        await old.worker.pump.claim()
        await expire(old)
        line.cut_at("before the commit", after=b"unsettled(")
        with pytest.raises(psycopg.OperationalError):
            await new.worker._beat("here")
        await new.worker._beat("here")
        assert await new.statuses() == {"a1": "unknown"}
        await new.settle()
        assert await new.statuses() == {"a1": "in_step"}
    assert len(shelf.puts) == 1


def _never(envelope: Envelope) -> ExternalRef | None:
    raise AssertionError("the first worker was lost before its call ended")


async def test_D5_one_lost_shard_does_not_cost_the_outcomes_of_the_others(database: Database) -> None:
    shelf = Shelf()
    async with desk(database, plain_flow, shelf) as d:
        await planned(d, 6)
        lost = (await d.rows("select shard from replicas where key = 'a1'"))[0]["shard"]
        await d.worker.pump.claim()
        await asyncio.wait_for(asyncio.gather(*d.worker.pump._calls), timeout=2)
        await d.rows("update shards set owner = 'w2', epoch = epoch + 1 where shard = %s returning 1", lost)
        await d.worker.pump.drain()
        statuses = await d.rows("select distinct status from replicas where shard <> %s", lost)
    assert [row["status"] for row in statuses] == ["in_step"]


async def test_D5_the_fence_refuses_an_old_epoch(database: Database) -> None:
    async with desk(database, plain_flow, Shelf()) as d, d.pool.connection() as connection:
        async with tenant_transaction(connection, TENANT) as cursor:
            await fence(cursor, d.leases, {1, 2})
        await d.rows("update shards set epoch = epoch + 1 where shard = 2 returning 1")
        async with tenant_transaction(connection, TENANT) as cursor:
            with pytest.raises(LeaseLost, match="w1"):
                await fence(cursor, d.leases, {1, 2})


async def test_an_outcome_of_an_older_epoch_of_our_own_is_dropped(database: Database) -> None:
    """The same worker under a new epoch: what it heard under the old one was taken over already."""
    shelf = Shelf()
    async with desk(database, plain_flow, shelf) as d:
        await planned(d)
        await d.worker.pump.claim()
        await asyncio.wait_for(asyncio.gather(*d.worker.pump._calls), timeout=2)
        outcome = d.worker.pump._finished.get_nowait()
        await expire(d)
        await d.beat()
        async with d.pool.connection() as connection:
            await flush_outcomes(connection, d.leases, d.setup, [outcome], d.now())  # type: ignore[list-item]
        assert await d.statuses() == {"a1": "sending"}

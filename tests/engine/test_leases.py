"""Who works on which shard: fair shares, no shard twice, and a new epoch for everybody who comes (back)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from database import Database
from tieline.adapters.postgres import roles
from tieline.engine.leases import Leases
from tieline.engine.shards import SHARDS

NONE: frozenset[int] = frozenset()


@asynccontextmanager
async def store(database: Database) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    async with await psycopg.AsyncConnection.connect(database.conninfo(roles.WORKER), autocommit=True) as connection:
        yield connection


async def expire(connection: psycopg.AsyncConnection[Any], worker: str) -> None:
    await connection.execute(
        "update workers set lease_until = clock_timestamp() - interval '1 second' where worker_id = %s", (worker,)
    )


async def epochs(connection: psycopg.AsyncConnection[Any]) -> dict[int, int]:
    rows = await (await connection.execute("select shard, epoch from shards")).fetchall()
    return dict(rows)


async def test_one_worker_holds_everything(database: Database) -> None:
    async with store(database) as connection:
        one = Leases("w1")
        assert sorted(await one.beat(connection, "here", NONE)) == list(range(SHARDS))


async def test_T4_three_workers_share_fairly_and_no_shard_has_two_owners(database: Database) -> None:
    async with store(database) as connection:
        workers = [Leases(f"w{n}") for n in range(3)]
        for _ in range(3):
            for worker in workers:
                await worker.beat(connection, "here", NONE)
        held = [set(worker.held) for worker in workers]
    assert sum(len(shards) for shards in held) == len(set().union(*held)) == SHARDS
    assert max(map(len, held)) - min(map(len, held)) <= 2


async def test_a_shard_whose_call_is_under_way_is_not_given_away(database: Database) -> None:
    async with store(database) as connection:
        one, two = Leases("w1"), Leases("w2")
        await one.beat(connection, "here", NONE)
        await two.beat(connection, "here", NONE)
        busy = frozenset(range(100))
        await one.beat(connection, "here", busy)
        await two.beat(connection, "here", NONE)
    assert busy <= set(one.held)
    assert not set(one.held) & set(two.held)


async def test_the_shards_of_a_worker_that_left_are_taken_at_once(database: Database) -> None:
    async with store(database) as connection:
        one, two = Leases("w1", lease_s=3600), Leases("w2", lease_s=3600)
        await one.beat(connection, "here", NONE)
        await one.leave(connection)
        assert len(await two.beat(connection, "here", NONE)) == SHARDS
    assert not one.may_send(0, 1)


async def test_D5_a_worker_that_comes_back_after_its_lease_gets_new_epochs_for_everything(database: Database) -> None:
    """It does not know what happened in between: nothing it had under way counts any more."""
    async with store(database) as connection:
        one = Leases("w1")
        await one.beat(connection, "here", NONE)
        before = dict(one.held)
        await expire(connection, "w1")
        taken = await one.beat(connection, "here", NONE)
    assert sorted(taken) == list(range(SHARDS))
    assert all(one.held[shard] > epoch for shard, epoch in before.items())
    assert not any(one.may_send(shard, epoch) for shard, epoch in before.items())


async def test_D5_a_renewal_in_time_keeps_the_epochs(database: Database) -> None:
    async with store(database) as connection:
        one = Leases("w1")
        await one.beat(connection, "here", NONE)
        before = await epochs(connection)
        assert await one.beat(connection, "here", NONE) == []
        assert await epochs(connection) == before == one.held


async def test_D5_a_dead_worker_is_succeeded_with_a_higher_epoch(database: Database) -> None:
    async with store(database) as connection:
        one, two = Leases("w1"), Leases("w2")
        await one.beat(connection, "here", NONE)
        assert await two.beat(connection, "here", NONE) == []
        await expire(connection, "w1")
        await two.beat(connection, "here", NONE)
    assert all(two.held[shard] == epoch + 1 for shard, epoch in one.held.items())


async def test_F27_workers_that_beat_at_the_same_instant_take_no_shard_twice(database: Database) -> None:
    async with store(database) as first, store(database) as second:
        one, two = Leases("w1"), Leases("w2")
        for _ in range(4):
            await asyncio.gather(one.beat(first, "here", NONE), two.beat(second, "there", NONE))
    assert not set(one.held) & set(two.held)
    assert len(one.held) + len(two.held) == SHARDS


async def test_D5_the_deadline_for_sends_lies_inside_the_lease(database: Database) -> None:
    """Counted from before the renewal was asked for: however slow its answer, the store's lease ends later."""
    async with store(database) as connection:
        one = Leases("w1", lease_s=5.0)
        before = time.monotonic()
        await one.beat(connection, "here", NONE)
        row = await (
            await connection.execute("select extract(epoch from lease_until - clock_timestamp()) from workers")
        ).fetchone()
        assert row is not None
        lease_ends = time.monotonic() + float(row[0])
    assert before + 5.0 <= one.deadline < lease_ends
    assert one.may_send(7, one.held[7])
    one.deadline = time.monotonic()
    assert not one.may_send(7, one.held[7])

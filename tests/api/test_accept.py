"""The gate itself: many firms in one transaction, each input once, nothing across the border."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest
from api_house import House
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tieline.adapters.postgres.pools import pool
from tieline.api.batcher import Batcher
from tieline.engine.inputs import NewInput, accept
from tieline.engine.rows import tenant_transaction
from tieline.engine.shards import SHARDS, shard_of
from tieline.engine.views.conservation import conservation
from tieline.kit.canonical import digest_of
from tieline.kit.errors import Unavailable
from tieline.kit.ids import uuid7


def new(number: int, tenant: str = "northwind", body: bytes | None = b"{}") -> NewInput:
    return NewInput(
        tenant=tenant, channel="poll", system="clm", topic="agreement", source_id=f"rec-{number}", source_version="1",
        dedup=digest_of("clm", str(number)), body=body, correlation_id=uuid7(),
    )  # fmt: skip


async def test_one_batch_of_many_firms_keeps_each_firm_s_inputs_apart(house: House) -> None:
    batch = [new(n, tenant) for n in range(5) for tenant in ("southwind", "northwind")]
    async with house.services.edge_pool.connection() as conn:
        accepted = await accept(conn, batch)
    assert [one.input_id for one in accepted] == [item.input_id for item in batch]
    assert not any(one.duplicate or one.conflict for one in accepted)
    assert house.rows("select tenant_id, count(*) from inputs group by 1 order by 1") == [
        ("northwind", 5),
        ("southwind", 5),
    ]
    async with house.services.pool.connection() as conn, tenant_transaction(conn, "southwind") as cursor:
        assert (await conservation(cursor))["counts"] == {"accepted": 5}


async def test_D3_duplicates_inside_one_batch_and_across_batches_answer_with_the_original(house: House) -> None:
    first = [new(1), new(2), new(1)]
    async with house.services.edge_pool.connection() as conn:
        once = await accept(conn, first)
        again = await accept(conn, [new(2), new(3), new(1)])
    assert [one.duplicate for one in once] == [False, False, True]
    assert once[2].input_id == once[0].input_id
    assert [one.duplicate for one in again] == [True, False, True]
    assert again[2].correlation_id == once[0].correlation_id == first[0].correlation_id
    assert house.rows("select count(*) from inputs") == [(3,)]


async def test_D2_another_body_under_the_same_key_is_reported_and_not_stored(house: House) -> None:
    async with house.services.edge_pool.connection() as conn:
        await accept(conn, [new(1)])
        [answer] = await accept(conn, [new(1, body=b'{"amount":1}')])
        pair = await accept(conn, [new(2), new(2, body=b"other")])
    assert (answer.duplicate, answer.conflict) == (True, True)
    assert [one.conflict for one in pair] == [False, True]
    assert house.rows("select count(*) from inputs") == [(2,)]


async def test_L4_in_the_caller_s_transaction_inputs_and_cursor_come_or_go_together(house: House) -> None:
    async with house.services.edge_pool.connection() as conn:
        with pytest.raises(psycopg.errors.DivisionByZero):
            async with conn.transaction():
                await accept(conn, [new(1)])
                await conn.execute("select 1 / 0")
        assert house.rows("select count(*) from inputs") == [(0,)]
        [again] = await accept(conn, [new(1)])
    assert not again.duplicate


async def test_the_same_key_in_two_firms_is_two_inputs_with_two_ids(house: House) -> None:
    async with house.services.edge_pool.connection() as conn:
        ours, theirs = await accept(conn, [new(1), new(1, tenant="southwind")])
    assert ours.input_id != theirs.input_id and not ours.duplicate and not theirs.duplicate


async def test_workers_are_told_once_per_batch(house: House) -> None:
    async with await psycopg.AsyncConnection.connect(house.admin, autocommit=True) as listener:
        await listener.execute("listen tieline_work")
        async with house.services.edge_pool.connection() as conn:
            await accept(conn, [new(n) for n in range(20)])
        told = [notice.payload async for notice in listener.notifies(timeout=2, stop_after=1)]
        more = [notice.payload async for notice in listener.notifies(timeout=0.1)]
    assert (told, more) == (["intake"], [])


def test_a_shard_is_the_same_in_every_process() -> None:
    assert [shard_of("contract:c1"), shard_of("client:c1")] == [95, 168]
    assert {shard_of(f"contract:{n}") for n in range(5000)} == set(range(SHARDS))


async def test_one_writer_misses_nobody_who_asks_while_it_ends(house: House) -> None:
    batcher = Batcher(house.services.edge_pool, writers=1)
    async with asyncio.timeout(20):
        for number in range(50):
            assert not (await batcher.submit([new(number)]))[0].duplicate
    assert house.rows("select count(*) from inputs") == [(50,)]


async def test_L1_F33_a_connection_cut_after_the_commit_was_sent_is_no_yes_and_the_repeat_finds_the_input(
    house: House, tmp_path: Path
) -> None:
    """The commit happened and its answer was lost: the sender is told to repeat, and nothing is stored twice."""
    known = conninfo_to_dict(house.services.edge_pool.conninfo)
    cut = Cut(f"{known['host']}/.s.PGSQL.{known['port']}")
    server = await asyncio.start_unix_server(cut.serve, tmp_path / f".s.PGSQL.{known['port']}")
    async with (
        server,
        pool(make_conninfo(house.services.edge_pool.conninfo, host=str(tmp_path)), "edge", 1, 1) as shaky,
    ):
        cut.armed = True
        with pytest.raises(Unavailable):
            await Batcher(shaky).submit([new(1)])
    assert house.rows("select count(*) from inputs") == [(1,)]
    [again] = await Batcher(house.services.edge_pool).submit([new(1)])
    assert again.duplicate and not again.conflict
    assert house.rows("select count(*) from inputs") == [(1,)]


class Cut:
    """Stands between us and PostgreSQL and, once armed, drops the connection instead of passing on a COMMIT's answer."""

    def __init__(self, server: str) -> None:
        self._server = server
        self.armed = False

    async def serve(self, ours: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        theirs, forth = await asyncio.open_unix_connection(self._server)
        there = asyncio.create_task(self._pass(ours, forth))
        await self._pass(theirs, back)
        there.cancel()

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while chunk := await source.read(65_536):
            if self.armed and b"COMMIT\x00" in chunk and chunk[:1] != b"Q" and chunk[:1] != b"P":
                break
            sink.write(chunk)
            await sink.drain()
        sink.close()

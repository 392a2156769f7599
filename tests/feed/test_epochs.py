"""F40, X32: after a restore to an earlier point nothing is sealed twice, followers are told, and a fork is found."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from feed_desk import FIRM, KEYS, SIGNER, Desk, now

from tieline.adapters.audit import FileSink
from tieline.engine.feed.epochs import START, CursorGone, Place, start_epoch
from tieline.engine.feed.outside import latest_heads
from tieline.engine.rows import Cursor, tenant_transaction
from tieline.engine.views.feed import feed, present

TABLES = ("events", "unsealed", "seals", "sealed_lanes", "feed_heads", "feed_epochs", "lanes")


def backup(desk: Desk) -> None:
    desk.rows("create schema if not exists backup")
    for table in TABLES:
        desk.rows(f"drop table if exists backup.{table}")
        desk.rows(f"create table backup.{table} as select * from public.{table}")


def restore(desk: Desk) -> None:
    for table in TABLES:
        desk.rows(f"delete from public.{table}")
        desk.rows(f"insert into public.{table} select * from backup.{table}")


async def declare(desk: Desk) -> None:
    sink = FileSink(desk.record)
    seen = latest_heads(sink, KEYS)[FIRM]
    async with desk.pool.connection() as connection:
        await start_epoch(
            connection, FIRM, sink=sink, signer=SIGNER, clock=now, by="ops", reason="disk lost", at_least=seen.epoch + 1
        )


@asynccontextmanager
async def reading(desk: Desk) -> AsyncIterator[Cursor]:
    async with desk.pool.connection() as connection, tenant_transaction(connection, FIRM) as cursor:
        yield cursor


async def place(desk: Desk) -> Place:
    async with reading(desk) as cursor:
        return await present(cursor)


async def followed(desk: Desk, after: Place) -> list[int]:
    async with reading(desk) as cursor:
        return [row["feed_position"] for row in (await feed(cursor, after=after, limit=100)).events]


async def restored(desk: Desk) -> tuple[Place, Place]:
    """Three events, a backup, two more that were signed and seen, and the backup again; the places of both times."""
    await desk.write(("contract:c1", 3))
    await desk.seal(sign=True)
    backup(desk)
    early = await place(desk)
    await desk.write(("contract:c1", 2))
    await desk.seal(sign=True)
    late = await place(desk)
    restore(desk)
    return early, late


async def test_F40_a_restored_store_is_not_sealed_until_a_person_says_so(desk: Desk) -> None:
    await restored(desk)
    await desk.write(("contract:c2", 4))
    await desk.seal()
    assert len(desk.seals()) == 3
    await declare(desk)
    await desk.seal(sign=True)
    assert [(row["epoch"], row["position"]) for row in desk.seals()][3:] == [(2, 4), (2, 5), (2, 6), (2, 7)]
    assert (await desk.verify()).findings == []


async def test_F40_a_sealer_that_runs_through_the_restore_notices_it_when_its_connection_breaks(desk: Desk) -> None:
    sealer = desk.sealer()
    await desk.write(("contract:c1", 3))
    await sealer.round()
    backup(desk)
    await desk.write(("contract:c1", 2))
    await sealer.round()
    async with desk.pool.connection() as connection:
        await sealer.anchor.sign_now(connection)
    restore(desk)
    await desk.write(("contract:c2", 1))
    sealer.anchor.forget()
    await sealer.round()
    assert len(desk.seals()) == 3


async def test_F40_a_cursor_beyond_the_restored_point_is_gone_and_names_where_to_go_on(desk: Desk) -> None:
    early, late = await restored(desk)
    await desk.write(("contract:c2", 4))
    await declare(desk)
    await desk.seal(sign=True)
    assert await followed(desk, early) == [4, 5, 6, 7]
    with pytest.raises(CursorGone) as gone:
        await followed(desk, late)
    assert gone.value.resume == early
    assert await followed(desk, gone.value.resume) == [4, 5, 6, 7]


async def test_F40_a_cursor_that_nobody_signed_for_is_gone_even_when_nobody_declared_the_restore(desk: Desk) -> None:
    await desk.write(("contract:c1", 3))
    await desk.seal()
    backup(desk)
    await desk.write(("contract:c1", 2))
    await desk.seal()
    late = await place(desk)
    restore(desk)
    with pytest.raises(CursorGone):
        await followed(desk, late)
    await desk.write(("contract:c2", 4))
    await desk.seal()
    with pytest.raises(CursorGone) as gone:
        await followed(desk, late)
    assert gone.value.resume == START


async def test_F40_a_restore_to_before_an_earlier_restore_is_declared_and_verified_like_any(desk: Desk) -> None:
    await restored(desk)
    await declare(desk)
    await desk.write(("contract:c2", 4))
    await desk.seal(sign=True)
    seen = await place(desk)
    restore(desk)
    await desk.write(("contract:c3", 6))
    await desk.seal()
    assert len(desk.seals()) == 3
    await declare(desk)
    await desk.seal(sign=True)
    assert {row["epoch"] for row in desk.seals()} == {1, 3}
    assert (await desk.verify()).findings == []
    with pytest.raises(CursorGone):
        await followed(desk, seen)


async def test_F40_a_declared_restore_is_told_with_who_and_why(desk: Desk) -> None:
    await restored(desk)
    await declare(desk)
    [report] = [each for each in (await desk.verify()).tenants if each.tenant == FIRM]
    assert [(e["epoch"], e["after_position"], e["started_by"], e["reason"]) for e in report.epochs] == [
        (2, 3, "ops", "disk lost")
    ]


async def test_X32_a_chain_that_was_forked_after_a_restore_is_found_where_it_parts(desk: Desk) -> None:
    """The attacker restores, keeps the outside record from the sealer, and goes on as if nothing had happened."""
    await restored(desk)
    kept = desk.record.read_bytes()
    desk.record.unlink()
    await desk.write(("contract:c2", 4))
    await desk.seal()
    desk.record.write_bytes(kept)
    assert await desk.found() == ("fork", 4)


async def test_X32_a_restore_before_the_last_signature_that_nobody_declared_is_a_cut_tail(desk: Desk) -> None:
    await restored(desk)
    assert await desk.found() == ("tail_cut", 4)

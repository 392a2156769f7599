"""O2: a record that many lanes read is told to all of them in chunks, and nothing that was planned on an older one leaves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from stepping import Desk, Shelf, change, desk
from world import TENANT

from database import Database
from tieline.engine import fanout
from tieline.engine.rows import tenant_transaction
from tieline.ports.decisions import Decision, Desired, Target
from tieline.ports.flows import Ref, Snapshot


def priced(snapshot: Snapshot) -> Iterator[Decision]:
    card = snapshot.records.get("card", {}).get("c1")
    for record in snapshot.records["item"].values():
        target = Target(kind="price", key=record.id, role="shelf", legal_entity="E1")
        if card is not None:
            yield Desired(target=target, doc={"value": card.doc["value"]})


def reads_card(records: object) -> list[Ref]:
    return [Ref(kind="card", id="c1")]


async def card(d: Desk, value: str, version: int) -> None:
    await d.apply(change({"id": "c1", "value": value}, version, kind="card", lane="card:c1"))


async def lanes(d: Desk, count: int) -> None:
    await d.apply(*(change({"id": f"a{n:04d}"}, 1) for n in range(count)))


async def test_a_change_reaches_more_readers_than_one_chunk_holds(database: Database) -> None:
    count = fanout.CHUNK * 2 + 7
    shelf = Shelf()
    async with desk(database, priced, shelf, context=reads_card) as d:
        await card(d, "old", 1)
        await lanes(d, count)
        await d.plan()
        await card(d, "new", 2)
        woken = await d.rows("select count(distinct lane) as n from lane_dirty where lane like 'item:%%'")
        assert woken == [{"n": fanout.CHUNK}]
        await d.plan()
        docs = await d.rows("select doc->>'value' as value, count(*) as n from replicas group by 1")
        left = await d.rows("select * from fanouts")
    assert docs == [{"value": "new", "n": count}]
    assert left == []


async def test_a_fan_out_that_was_cut_off_goes_on_where_it_was(database: Database) -> None:
    count = fanout.CHUNK + 50
    async with desk(database, priced, Shelf(), context=reads_card) as d:
        await card(d, "old", 1)
        await lanes(d, count)
        await d.plan()
        await card(d, "new", 2)
        with pytest.raises(RuntimeError, match="power is gone"):
            async with d.pool.connection() as connection, tenant_transaction(connection, TENANT) as cursor:
                await fanout.spread(cursor, TENANT, {"card:c1": {}})
                raise RuntimeError("the power is gone")
    async with desk(database, priced, Shelf(), context=reads_card, name="w2", beat=False) as d:
        await d.rows("update workers set lease_until = now() - interval '1 s' returning 1")
        await d.beat()
        await d.plan()
        docs = await d.rows("select doc->>'value' as value, count(*) as n from replicas group by 1")
    assert docs == [{"value": "new", "n": count}]


async def test_O2_a_plan_on_an_older_version_of_what_it_read_never_leaves(database: Database) -> None:
    """The record has changed, its reader is not planned again yet: the push waits."""
    shelf = Shelf()
    async with desk(database, priced, shelf, context=reads_card) as d:
        await card(d, "old", 1)
        await lanes(d, 1)
        await d.plan()
        await card(d, "new", 2)
        await d.pump()
        assert shelf.values() == []
        await d.settle()
    assert [doc["value"] for _, doc in shelf.values()] == ["new"]

"""A hundred lanes cost as many statements as one: the store is asked in sets, or 200 000 lanes would take the night."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import psycopg
import pytest
from stepping import Desk, Shelf, change, desk
from world import TENANT, CleanCipher

from database import Database
from tieline.engine.inputs import NewInput, accept
from tieline.engine.planning.plan import plan_lanes
from tieline.engine.pumps.calls import Outcome
from tieline.engine.pumps.intents import Sending, write_intents
from tieline.engine.pumps.observe import flush_readings, load_written, read_back
from tieline.engine.pumps.outcomes import flush_outcomes
from tieline.engine.records import Arrival, apply_changes
from tieline.engine.rows import tenant_transaction
from tieline.engine.verdict import OK
from tieline.kit.canonical import digest_of
from tieline.kit.ids import uuid7
from tieline.ports.decisions import Decision, Desired, Fact, Hold, Movement, Target
from tieline.ports.flows import Snapshot
from tieline.ports.systems import ExternalRef

STATEMENTS_MAX = 24  # for one planning transaction, whatever it finds


class CountingCursor(psycopg.AsyncCursor[Any]):
    count: ClassVar[int] = 0

    async def execute(self, *given: Any, **options: Any) -> Any:
        CountingCursor.count += 1
        return await super().execute(*given, **options)


def talkative_flow(snapshot: Snapshot) -> Iterator[Decision]:
    """Says one of everything, so that every store statement of planning runs."""
    for record in snapshot.records["item"].values():
        first = Target(kind="order", key=record.id, role="shelf", legal_entity="E1")
        second = Target(kind="order", key=f"{record.id}-next", role="shelf", legal_entity="E1")
        yield Desired(target=first, doc={"value": record.doc["value"]})
        yield Desired(target=second, doc={"value": record.doc["value"]}, after=(first,))
        yield Movement(kind="charge", key=f"charge-{record.id}", cause=record.id, doc={"value": "1"})
        yield Fact(type="dev.tieline.item.seen.v1", subject=record.id, cause=record.id)
        yield Hold(code="SEEN", subject=record.id, owner="pmo", sentence="It was seen.", way_out="Nothing.")


@asynccontextmanager
async def counted(d: Desk) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    connection = await psycopg.AsyncConnection.connect(d.pool.conninfo, autocommit=True, cursor_factory=CountingCursor)
    async with connection:
        CountingCursor.count = 0
        yield connection


async def _all_steps(d: Desk, lanes: int) -> dict[str, int]:
    """Statements of each step for this many lanes."""
    names = [f"n{lanes}-{n}" for n in range(lanes)]
    counts: dict[str, int] = {}
    sending: list[Sending] = []
    async with counted(d) as connection:

        def note(step: str) -> None:
            counts[step], CountingCursor.count = CountingCursor.count, 0

        await accept(connection, [_input(name) for name in names])
        note("accept")
        async with tenant_transaction(connection, TENANT) as cursor:
            await apply_changes(cursor, TENANT, [_arrival(name) for name in names], d.setup.describe, d.now())
        note("apply")
        await plan_lanes(connection, d.leases, d.setup, {f"item:{name}": 0 for name in names}, d.now())
        note("plan")
        claims = [{"replica_id": f"shelf/order/{name}", "shard": shard} for name, shard in await _shards(d, names)]
        CountingCursor.count = 0
        async with tenant_transaction(connection, TENANT) as cursor:
            await write_intents(cursor, d.leases, d.setup, claims, CleanCipher(), d.now(), sending)
        note("intend")
        outcomes = [Outcome(sending=one, verdict=OK, ref=ExternalRef(id="x")) for one in sending]
        await flush_outcomes(connection, d.leases, d.setup, outcomes, d.now())
        note("settle")
        async with tenant_transaction(connection, TENANT) as cursor:
            rows = await load_written(cursor, TENANT, [one.replica_id for one in sending])
        readings = await read_back(_holding(sending), TENANT, rows)
        await flush_readings(connection, d.leases, d.setup, readings, d.now())
        note("read back")
    assert len(sending) == lanes
    return counts


def _holding(sending: list[Sending]) -> Shelf:
    return Shelf(puts=[one.envelope for one in sending])


async def _shards(d: Desk, names: list[str]) -> list[tuple[str, int]]:
    rows = await d.rows("select key, shard from replicas where key = any(%s)", names)
    return [(row["key"], row["shard"]) for row in rows]


def _input(name: str) -> NewInput:
    return NewInput(
        tenant=TENANT, channel="api", system="inbox", topic="item", source_id=name, body=b"{}", dedup=digest_of(name),
        correlation_id=uuid7(),
    )  # fmt: skip


def _arrival(name: str) -> Arrival:
    item = change({"id": name, "value": "10"}, 1)
    return Arrival(change=item, system="inbox", input_id=uuid7(), correlation_id=uuid7(), actor="inbox")


async def test_a_hundred_lanes_take_as_many_statements_as_one_at_every_step(database: Database) -> None:
    async with desk(database, talkative_flow, Shelf()) as d:
        one, hundred = await _all_steps(d, 1), await _all_steps(d, 100)
    assert one == hundred
    assert hundred["plan"] <= STATEMENTS_MAX


@pytest.mark.parametrize("batch", [100])
async def test_a_batch_that_nothing_changed_for_writes_nothing_but_its_lanes(database: Database, batch: int) -> None:
    async with desk(database, talkative_flow, Shelf()) as d:
        await _all_steps(d, batch)
        before = await d.rows("select sum(revision) as revisions, count(*) as n from replicas")
        await d.plan(*(f"item:n{batch}-{n}" for n in range(batch)))
        assert await d.rows("select sum(revision) as revisions, count(*) as n from replicas") == before

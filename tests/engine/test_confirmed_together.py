"""Two documents of one contract that are read back at the same instant: the contract is planned again, not forgotten (V1)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from stepping import Desk, Shelf, change, desk
from world import TENANT

from database import Database
from tieline.engine.pumps.observe import flush_readings, load_written, read_back
from tieline.engine.pumps.outcomes import release_waiting
from tieline.engine.rows import tenant_transaction
from tieline.ports.decisions import Decision, Desired, Target
from tieline.ports.flows import Snapshot

LANES = 12


def pair_flow(snapshot: Snapshot) -> Iterator[Decision]:
    for record in snapshot.records["item"].values():
        for kind in ("left", "right"):
            target = Target(kind=kind, key=record.id, role="shelf", legal_entity="E1")
            yield Desired(target=target, doc={"value": record.doc["value"]})


async def test_V1_a_lane_whose_last_documents_are_confirmed_together_is_woken(database: Database) -> None:
    shelf = Shelf()
    async with desk(database, pair_flow, shelf) as d:
        await d.apply(*(change({"id": f"a{n}", "value": "10"}, 1) for n in range(LANES)))
        await d.plan()
        await d.store(*await d.push())
        assert len(await d.rows("select 1 from replicas where status = 'written'")) == 2 * LANES
        assert await d.rows("select 1 from lane_dirty") == []
        await asyncio.gather(*(_confirm(d, shelf, kind, n) for n in range(LANES) for kind in ("left", "right")))
        assert len(await d.rows("select 1 from replicas where status = 'in_step'")) == 2 * LANES
        assert len(await d.rows("select distinct lane from lane_dirty")) == LANES


def _after_both(snapshot: Snapshot) -> Iterator[Decision]:
    for record in snapshot.records["item"].values():
        left, right, last = (
            Target(kind=kind, key=f"{kind}-{record.id}", role="shelf", legal_entity="E1")
            for kind in ("left", "right", "last")
        )
        yield Desired(target=left, doc={"value": "1"})
        yield Desired(target=right, doc={"value": "1"})
        yield Desired(target=last, doc={"value": "1"}, after=(left, right))


async def test_V1_what_waits_for_two_that_end_together_is_freed_by_one_of_them(database: Database) -> None:
    """Each of the two transactions would still see the other's wait, and neither would free what waits for both."""
    async with desk(database, _after_both, Shelf()) as d:
        await d.apply(change({"id": "a1"}, 1))
        await d.plan()
        async with d.pool.connection() as connection, tenant_transaction(connection, TENANT) as cursor:
            assert await release_waiting(cursor, TENANT, [_ended("left")], d.now()) == []
            other = asyncio.create_task(_release(d, "right"))
            await asyncio.wait({other}, timeout=0.5)  # it ends at once only if it does not look at who else is there
        assert [claim["replica_id"] for claim in await other] == ["shelf/last/last-a1"]
        assert (await d.statuses())["last-a1"] == "pending"


def _ended(kind: str) -> dict[str, Any]:
    return {"replica_id": f"shelf/{kind}/{kind}-a1", "settled_revision": 1}


async def _release(d: Desk, kind: str) -> list[Any]:
    async with d.pool.connection() as connection, tenant_transaction(connection, TENANT) as cursor:
        return await release_waiting(cursor, TENANT, [_ended(kind)], d.now())


async def _confirm(d: Desk, shelf: Shelf, kind: str, number: int) -> None:
    async with d.pool.connection() as connection:
        async with tenant_transaction(connection, TENANT) as cursor:
            rows = await load_written(cursor, TENANT, [f"shelf/{kind}/a{number}"])
        readings = await read_back(shelf, TENANT, rows)
        await flush_readings(connection, d.leases, d.setup, readings, datetime.now(UTC))

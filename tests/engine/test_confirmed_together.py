"""Two documents of one contract that are read back at the same instant: the contract is planned again, not forgotten (V1)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

from stepping import Desk, Shelf, change, desk
from world import TENANT

from database import Database
from tieline.engine.pumps.observe import flush_readings, load_written, read_back
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
        await d.pump()
        await asyncio.gather(*(_confirm(d, shelf, kind, n) for n in range(LANES) for kind in ("left", "right")))
        assert len(await d.rows("select 1 from replicas where status = 'in_step'")) == 2 * LANES
        assert len(await d.rows("select distinct lane from lane_dirty")) == LANES


async def _confirm(d: Desk, shelf: Shelf, kind: str, number: int) -> None:
    async with d.pool.connection() as connection:
        async with tenant_transaction(connection, TENANT) as cursor:
            rows = await load_written(cursor, TENANT, [f"shelf/{kind}/a{number}"])
        readings = await read_back(shelf, TENANT, rows)
        await flush_readings(connection, d.leases, d.setup, readings, datetime.now(UTC))

"""A slow system slows only what needs it (O5), and a replica that several contracts share is planned once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
from kv_system import KvSystem
from stepping import Shelf, change, desk
from world import TENANT

from database import Database
from tieline.adapters.http import GuardedHttp
from tieline.adapters.postgres import roles
from tieline.engine.lanes import lock_lanes
from tieline.engine.planning.lane_plan import plan_lane
from tieline.engine.planning.load import load_states
from tieline.engine.planning.store import store_plans
from tieline.engine.rows import tenant_transaction
from tieline.ports.decisions import Decision, Desired, Target
from tieline.ports.flows import Ref, Snapshot
from tieline.twins.process import Served


def two_systems_flow(snapshot: Snapshot) -> Iterator[Decision]:
    for record in snapshot.records["item"].values():
        for role in record.doc["roles"]:
            target = Target(kind="k_put", key=f"{role}-{record.id}", role=role, legal_entity="E1")
            yield Desired(target=target, doc={"value": "10"})


async def test_O5_a_system_that_answers_slowly_slows_only_itself(database: Database, kv: Served) -> None:
    """Both systems are behind one twin; what starts with `slow-` takes half a minute there."""
    kv.faults(
        [{"fault": {"code": "F1", "hold_s": 20}, "match": {"method": "PUT", "path_regex": "/slow-"}, "times": 50}]
    )
    async with contextlib.aclosing(GuardedHttp(kv.url, allow_private_addresses=True)) as http:
        slow, quick = (KvSystem(name, http, concurrency=2, life_s=15) for name in ("slow", "quick"))
        async with desk(database, two_systems_flow, slow, quick) as d:
            await d.apply(*(change({"id": f"a{n}", "roles": ["quick", "slow"]}, 1) for n in range(20)))
            await d.plan()
            started = datetime.now(UTC)
            finishing = asyncio.create_task(_forever(d.worker.pump.finish))
            while not await d.rows(
                "select 1 from replicas where system = 'quick' and status = 'in_step' having count(*) = 20"
            ):
                await d.worker.pump.claim()
                await asyncio.sleep(0.01)
                assert (datetime.now(UTC) - started).total_seconds() < 8, "the quick system waited for the slow one"
            finishing.cancel()
            slow_ones = await d.rows("select 1 from replicas where system = 'slow' and status = 'in_step'")
            for call in list(d.worker.pump._calls):
                call.cancel()
    assert slow_ones == []


async def _forever(step: Any) -> None:
    while True:
        await step()


def client_flow(snapshot: Snapshot) -> Iterator[Decision]:
    """Every item needs its client in the shelf, in the version that it read."""
    client = snapshot.records["client"]["c1"]
    target = Target(kind="client", key="c1", role="shelf", legal_entity="E1")
    yield Desired(target=target, doc=client.doc, lane="client:c1", basis=client.version)
    for record in snapshot.records["item"].values():
        yield Desired(
            target=Target(kind="order", key=record.id, role="shelf", legal_entity="E1"),
            doc={"value": "1"},
            after=(target,),
        )


def shared(database: Database, *systems: Any) -> Any:
    return desk(database, client_flow, *systems, context=lambda records: (Ref(kind="client", id="c1"),))


async def test_D1_two_lanes_that_plan_a_shared_client_at_once_send_it_once(database: Database) -> None:
    """One lane read before the other wrote and stores after the client was sent: it must find that it has nothing to add."""
    shelf = Shelf()
    async with shared(database, shelf) as d:
        await d.apply(change({"id": "c1", "value": "acme"}, 1, kind="client", lane="client:c1"))
        await d.apply(change({"id": "a1"}, 1), change({"id": "a2"}, 1))
        async with _late_planning(database, d, "item:a2") as store_late:
            await d.plan("client:c1", "item:a1")
            await d.pump()
            assert (await d.statuses())["c1"] == "in_step"
            await store_late()
        await d.settle()
        replicas = await d.rows("select key, status, revision from replicas order by key")
    assert [(row["key"], row["status"], row["revision"]) for row in replicas] == [
        ("a1", "in_step", 1), ("a2", "in_step", 1), ("c1", "in_step", 1),
    ]  # fmt: skip
    assert [key for key, _ in shelf.values()].count("c1") == 1


async def test_O1_an_older_reading_of_a_shared_client_never_replaces_a_newer_one(database: Database) -> None:
    shelf = Shelf()
    async with shared(database, shelf) as d:
        await d.apply(change({"id": "c1", "value": "old name"}, 1, kind="client", lane="client:c1"))
        await d.apply(change({"id": "a1"}, 1), change({"id": "a2"}, 1))
        async with _late_planning(database, d, "item:a2") as store_late:
            await d.apply(change({"id": "c1", "value": "new name"}, 2, kind="client", lane="client:c1"))
            await d.plan("item:a1")
            await store_late()
        await d.settle()
    assert [doc["value"] for key, doc in shelf.values() if key == "c1"] == ["new name"]


async def test_O1_a_newer_reading_that_is_stored_late_becomes_the_next_revision(database: Database) -> None:
    """Both found no replica when they read: the newer becomes revision 2, and what was planned on the older never leaves (O2)."""
    shelf = Shelf()
    async with shared(database, shelf) as d:
        await d.apply(change({"id": "c1", "value": "old name"}, 1, kind="client", lane="client:c1"))
        await d.apply(change({"id": "a1"}, 1), change({"id": "a2"}, 1))
        async with _late_planning(database, d, "item:a1") as store_older:
            await d.apply(change({"id": "c1", "value": "new name"}, 2, kind="client", lane="client:c1"))
            async with _late_planning(database, d, "item:a2") as store_newer:
                await store_older()
                await d.plan("client:c1")
                await d.pump()
                await store_newer()
        await d.settle()
        replica = await d.rows("select revision, settled_revision, status from replicas where key = 'c1'")
    assert replica == [{"revision": 2, "settled_revision": 2, "status": "in_step"}]
    assert [doc["value"] for key, doc in shelf.values() if key == "c1"] == ["new name"]


class _late_planning:
    """A planning that has read and decided, and stores only when told to: another worker's, seen in slow motion."""

    def __init__(self, database: Database, d: Any, lane: str) -> None:
        self.conninfo, self.d, self.lane = database.conninfo(roles.WORKER), d, lane

    async def __aenter__(self) -> Any:
        self.connection = await psycopg.AsyncConnection.connect(self.conninfo, autocommit=True)
        self.transaction = tenant_transaction(self.connection, TENANT)
        cursor = await self.transaction.__aenter__()
        states = await load_states(cursor, self.d.setup, await lock_lanes(cursor, TENANT, [self.lane], create=True))
        plans = [plan_lane(self.d.setup, state, self.d.now()) for state in states]

        async def store() -> None:
            await store_plans(cursor, self.d.setup, plans, self.d.now(), self.d.now())
            await self.transaction.__aexit__(None, None, None)

        return store

    async def __aexit__(self, *_: object) -> None:
        await self.connection.close()

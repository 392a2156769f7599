"""However inputs arrive, permuted, repeated, cut into batches: the records and what is planned come out the same (C4)."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stepping import Desk, Shelf, change, desk
from world import TENANT

from database import Database
from tieline.engine.inputs import NewInput, accept
from tieline.kit.canonical import encode
from tieline.kit.ids import uuid7
from tieline.ports.decisions import Decision, Desired, Movement, Target
from tieline.ports.flows import Snapshot
from tieline.ports.systems import Change

IDS = ("a1", "a2", "a3")
VERSIONS = [(item, version) for item in IDS for version in (1, 2, 3)]
_cases = itertools.count(1)


def minting_flow(snapshot: Snapshot) -> Iterator[Decision]:
    """The first that is seen of an item is minted as a charge; the item itself follows its newest version."""
    for record in snapshot.records["item"].values():
        target = Target(kind="order", key=record.id, role="shelf", legal_entity="E1")
        yield Desired(target=target, doc={"value": record.doc["value"]})
        minted = snapshot.records.get("charge", {}).get(f"charge-{record.id}")
        doc = minted.doc if minted else {"first": record.doc["value"]}
        yield Movement(kind="charge", key=f"charge-{record.id}", cause=f"item/{record.id}", doc=doc)


def versions(order: list[tuple[str, int]]) -> list[Change]:
    return [change({"id": item, "value": f"{item} in version {version}"}, version) for item, version in order]


@st.composite
def deliveries(draw: st.DrawFn) -> list[list[tuple[str, int]]]:
    """Every version at least once, some more often, in any order, cut into batches anywhere."""
    again = draw(st.lists(st.sampled_from(VERSIONS), max_size=6))
    order = draw(st.permutations([*VERSIONS, *again]))
    cuts = sorted(draw(st.sets(st.integers(1, len(order) - 1), max_size=5)))
    return [order[start:end] for start, end in zip([0, *cuts], [*cuts, len(order)], strict=True)]


async def _final(database: Database, batches: list[list[tuple[str, int]]], *, plan_between: bool) -> dict[str, Any]:
    """The same three items under names of their own, so that examples can share one database."""
    case = f"case{next(_cases)}"
    async with desk(database, minting_flow, Shelf()) as d:
        for batch in batches:
            await d.apply(*versions([(f"{case}-{item}", version) for item, version in batch]))
            if plan_between:
                await d.plan()
        await d.plan()
        records = await d.rows(
            "select record_id, doc, source_version from records where record_id like %s", f"{case}-%"
        )
        replicas = await d.rows("select key, doc from replicas where key like %s", f"{case}-%")
        lanes = await d.rows("select 1 from lanes where wanted <> planned")
        charges = await d.rows(
            "select record_id, count(*) from movements where record_id like %s group by 1", f"%{case}-%"
        )
    return {
        "records": {row["record_id"][-2:]: (row["doc"]["value"][-12:], row["source_version"]) for row in records},
        "replicas": {row["key"][-2:]: row["doc"]["value"][-12:] for row in replicas},
        "charges": {row["record_id"][-2:]: row["count"] for row in charges},
        "unplanned": lanes,
    }


@settings(
    max_examples=12, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(batches=deliveries(), plan_between=st.booleans())
def test_C4_any_order_repetition_and_batching_gives_the_same_records_and_documents(
    database: Database, batches: list[list[tuple[str, int]]], plan_between: bool
) -> None:
    final = asyncio.run(_final(database, batches, plan_between=plan_between))
    assert final == {
        "records": dict.fromkeys(IDS, ("in version 3", f"{3:08d}")),
        "replicas": dict.fromkeys(IDS, "in version 3"),
        "charges": dict.fromkeys(IDS, 1),
        "unplanned": [],
    }


async def test_D3_a_version_that_is_delivered_again_is_no_new_version_and_no_second_event(database: Database) -> None:
    async with desk(database, minting_flow, Shelf()) as d:
        for _ in range(3):
            await d.apply(*versions([("a1", 1)]))
        await d.apply(*versions([("a1", 1), ("a1", 1)]))
        history = await d.rows("select version from record_history where kind = 'item'")
        events = await d.rows("select lane_seq from events where type like '%%recorded%%'")
    assert (len(history), [row["lane_seq"] for row in events]) == (1, [1])


async def test_O2_an_older_version_in_the_same_batch_is_superseded(database: Database) -> None:
    async with desk(database, minting_flow, Shelf()) as d:
        applied = await d.apply(*versions([("a1", 3), ("a1", 2)]))
        doc = (await d.rows("select doc from records"))[0]["doc"]
    assert (len(applied.changed), len(applied.stale), doc["value"]) == (1, 1, "a1 in version 3")


async def test_the_same_version_with_other_content_is_a_correction_and_is_kept_in_the_history(
    database: Database,
) -> None:
    """A source that corrects without a new version is believed: refusing would leave us with what is wrong there."""
    async with desk(database, minting_flow, Shelf()) as d:
        await d.apply(change({"id": "a1", "value": "first"}, 1))
        await d.apply(change({"id": "a1", "value": "second"}, 1))
        history = await d.rows("select version, doc->>'value' as value from record_history order by version")
    assert [(row["version"], row["value"]) for row in history] == [(1, "first"), (2, "second")]


def _input(dedup: bytes, value: str) -> NewInput:
    return NewInput(
        tenant=TENANT, channel="api", system="inbox", topic="item", source_id="a1", dedup=dedup,
        body=encode({"id": "a1", "value": value}), correlation_id=uuid7(),
    )  # fmt: skip


async def test_D2_a_known_key_with_other_content_is_refused_and_changes_nothing(database: Database) -> None:
    async with desk(database, minting_flow, Shelf()) as d:
        async with d.pool.connection() as connection:
            await accept(connection, [_input(b"k" * 16, "10")])
            answers = await accept(connection, [_input(b"k" * 16, "10"), _input(b"k" * 16, "99")])
        bodies = await d.rows("select body from inputs")
    assert [(a.duplicate, a.conflict) for a in answers] == [(True, False), (True, True)]
    assert [bytes(row["body"]) for row in bodies] == [encode({"id": "a1", "value": "10"})]


async def test_D2_an_effect_key_belongs_to_one_document_for_ever(database: Database) -> None:
    """A second effect under a used key cannot be written, whatever it would send."""
    shelf = Shelf()
    async with desk(database, minting_flow, shelf) as d:
        await d.apply(*versions([("a1", 1)]))
        await d.settle()
        with pytest.raises(psycopg.errors.UniqueViolation):
            await d.rows(
                "insert into effect_keys select tenant_id, effect_key, '\\x00'::bytea from effect_keys returning 1"
            )
    assert len(shelf.puts) == 1


async def test_a_movement_is_minted_once_under_its_cause_when_two_workers_plan_at_once(database: Database) -> None:
    async with desk(database, minting_flow, Shelf()) as one, _another(database) as other:
        await one.apply(*versions([("a1", 1), ("a2", 1)]))
        other.worker.leases.worker, other.worker.leases.held = one.leases.worker, one.leases.held
        await asyncio.gather(*(d.plan("item:a1", "item:a2") for d in (one, other) for _ in range(3)))
        charges = await one.rows("select record_id, count(*) as n from movements group by 1 order by 1")
        records = await one.rows("select record_id from records where minted order by 1")
        revisions = await one.rows("select distinct revision from replicas")
    assert [(row["record_id"], row["n"]) for row in charges] == [("charge-a1", 1), ("charge-a2", 1)]
    assert [row["record_id"] for row in records] == ["charge-a1", "charge-a2"]
    assert [row["revision"] for row in revisions] == [1]


def _another(database: Database) -> Any:
    return desk(database, minting_flow, Shelf(), beat=False)


async def test_a_minted_movement_does_not_change_with_its_source(database: Database) -> None:
    async with desk(database, minting_flow, Shelf()) as d:
        for version in (1, 2, 3):
            await d.apply(*versions([("a1", version)]))
            await d.plan()
        charge = await d.rows("select version, doc from records where minted")
    assert [(row["version"], row["doc"]) for row in charge] == [(1, {"first": "a1 in version 1"})]


async def replica_of(d: Desk) -> dict[str, Any]:
    return (await d.rows("select revision, settled_revision, status from replicas"))[0]


async def test_D7_planning_what_is_already_so_plans_nothing(database: Database) -> None:
    shelf = Shelf()
    async with desk(database, minting_flow, shelf) as d:
        await d.apply(*versions([("a1", 1)]))
        await d.settle()
        before = await replica_of(d)
        for _ in range(3):
            await d.apply(*versions([("a1", 1)]))
            await d.plan("item:a1")
            await d.settle()
        assert await replica_of(d) == before
    assert len(shelf.puts) == 1

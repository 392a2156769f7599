"""What a person must say yes to: acts go with the yes to exactly their document, plans as exactly what was seen (O6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from stepping import Desk, Shelf, change, desk
from world import TENANT

from database import Database
from tieline.kit.canonical import digest
from tieline.kit.errors import Conflict
from tieline.kit.ids import uuid7
from tieline.ports.decisions import Act, Decision, Desired, Hold, Target
from tieline.ports.flows import Snapshot

LANE = "item:a1"


def target(key: str) -> Target:
    return Target(kind="order", key=key, role="shelf", legal_entity="E1")


def order_flow(snapshot: Snapshot) -> Iterator[Decision]:
    """Each item is an order that a person releases; until then it waits under a hold that names its digest."""
    for record in snapshot.records["item"].values():
        doc = {"value": record.doc["value"]}
        given = {approval.digest for approval in snapshot.approvals.get(record.id, ())}
        if digest(doc).hex() not in given:
            yield Hold(
                code="AWAITING_RELEASE", subject=record.id, owner="finance", sentence="It waits for a release.",
                way_out="tieline approve", evidence={"digest": digest(doc).hex()},
            )  # fmt: skip
        yield Act(target=target(record.id), doc=doc, subject=record.id)


def gated_flow(snapshot: Snapshot) -> Iterator[Decision]:
    for record in snapshot.records["item"].values():
        yield Desired(target=target(record.id), doc={"value": record.doc["value"]}, gate="amendment")


async def release(d: Desk, value: str) -> None:
    await d.commands.approve(TENANT, LANE, "a1", digest({"value": value}).hex(), "vera", uuid7())


async def stored_yes(d: Desk, document: Any) -> None:
    """A yes that is in the store for whatever reason: an earlier document, another person's screen."""
    await d.rows(
        "insert into approvals (tenant_id, approval_id, lane, subject, digest, principal) values (%s, %s, %s, 'a1', %s, 'x')"
        " returning 1",
        TENANT, uuid7(), LANE, digest(document),
    )  # fmt: skip


async def test_an_order_is_sent_when_a_person_has_released_exactly_its_document(database: Database) -> None:
    shelf = Shelf()
    async with desk(database, order_flow, shelf) as d:
        await d.apply(change({"id": "a1", "value": "10"}, 1))
        await d.settle()
        assert (shelf.puts, await d.statuses()) == ([], {"a1": "awaiting_approval"})
        await release(d, "10")
        await d.settle()
        assert shelf.values() == [("a1", {"value": "10"})]
        approvers = await d.rows("select approver from effects")
    assert [row["approver"] for row in approvers] == ["vera"]


async def test_O6_a_yes_to_another_document_sends_nothing(database: Database) -> None:
    shelf = Shelf()
    async with desk(database, order_flow, shelf) as d:
        await d.apply(change({"id": "a1", "value": "10"}, 1))
        await stored_yes(d, {"value": "9"})
        await d.settle()
        statuses = await d.statuses()
    assert (shelf.puts, statuses) == ([], {"a1": "awaiting_approval"})


async def test_a_person_cannot_release_a_document_that_has_changed_since(database: Database) -> None:
    async with desk(database, order_flow, Shelf()) as d:
        await d.apply(change({"id": "a1", "value": "10"}, 1))
        await d.settle()
        await d.apply(change({"id": "a1", "value": "11"}, 2))
        await d.settle()
        with pytest.raises(Conflict):
            await release(d, "10")


async def test_X35_a_document_that_changes_after_its_release_needs_a_new_one(database: Database) -> None:
    """Released and not yet sent: the change takes the yes away and leaves nothing in the queue."""
    shelf = Shelf()
    async with desk(database, order_flow, shelf) as d:
        await d.apply(change({"id": "a1", "value": "10"}, 1))
        await d.plan()
        await release(d, "10")
        await d.plan()
        assert await d.statuses() == {"a1": "pending"}
        await d.apply(change({"id": "a1", "value": "11"}, 2))
        await d.settle()
        assert (shelf.puts, await d.statuses()) == ([], {"a1": "awaiting_approval"})
        assert await d.rows("select 1 from due") == []
        await release(d, "11")
        await d.settle()
    assert shelf.values() == [("a1", {"value": "11"})]


async def test_O1_nothing_is_sent_between_a_change_and_the_plan_that_knows_it(database: Database) -> None:
    """The yes was for what the records said then: what is in the queue waits until the lane is planned again."""
    shelf = Shelf()
    async with desk(database, order_flow, shelf) as d:
        await d.apply(change({"id": "a1", "value": "10"}, 1))
        await d.plan()
        await release(d, "10")
        await d.plan()
        await d.apply(change({"id": "a1", "value": "11"}, 2))
        await d.pump()
    assert shelf.puts == []


async def test_an_order_that_was_sent_is_never_changed_and_the_difference_is_shown(database: Database) -> None:
    shelf = Shelf()
    async with desk(database, order_flow, shelf) as d:
        await d.apply(change({"id": "a1", "value": "10"}, 1))
        await d.plan()
        await release(d, "10")
        await d.settle()
        await d.apply(change({"id": "a1", "value": "12"}, 2))
        await stored_yes(d, {"value": "12"})
        await d.settle()
        assert "MOVEMENT_CHANGED" in await d.open_holds()
    assert shelf.values() == [("a1", {"value": "10"})]


async def the_plan(d: Desk) -> dict[str, Any]:
    plans = await d.rows("select * from plans where state = 'proposed'")
    assert len(plans) == 1, "one plan waits for a person"
    return plans[0]


async def test_a_gated_change_waits_as_a_plan_and_exactly_that_plan_is_applied(database: Database) -> None:
    shelf = Shelf()
    async with desk(database, gated_flow, shelf) as d:
        await d.apply(change({"id": "a1", "value": "10"}, 1))
        await d.settle()
        plan = await the_plan(d)
        assert (shelf.puts, await d.statuses(), plan["items"][0]["after"]) == ([], {}, {"value": "10"})
        assert (await d.commands.preview(TENANT, LANE)).plan_id == plan["plan_id"]
        assert await d.commands.approve_plan(TENANT, plan["plan_id"], "vera", uuid7()) == "approved"
        await d.settle()
        states = await d.rows("select state, decided_by from plans")
        assert await d.commands.approve_plan(TENANT, plan["plan_id"], "vera", uuid7()) == "applied"
    assert shelf.values() == [("a1", {"value": "10"})]
    assert states == [{"state": "applied", "decided_by": "vera"}]


async def test_a_plan_is_stale_once_the_record_has_changed(database: Database) -> None:
    async with desk(database, gated_flow, Shelf()) as d:
        await d.apply(change({"id": "a1", "value": "10"}, 1))
        await d.plan()
        plan = await the_plan(d)
        await d.apply(change({"id": "a1", "value": "11"}, 2))
        with pytest.raises(Conflict) as before_planning:
            await d.commands.approve_plan(TENANT, plan["plan_id"], "vera", uuid7())
        await d.plan()
        with pytest.raises(Conflict) as after_planning:
            await d.commands.approve_plan(TENANT, plan["plan_id"], "vera", uuid7())
        assert (await the_plan(d))["items"][0]["after"] == {"value": "11"}
    assert {before_planning.value.code, after_planning.value.code} == {"stale_plan"}


async def test_a_plan_that_was_let_go_and_changes_before_it_is_applied_goes_nowhere(database: Database) -> None:
    """A record that arrives between the yes and its planning turns the plan stale; the new content waits for a new yes."""
    shelf = Shelf()
    async with desk(database, gated_flow, shelf) as d:
        await d.apply(change({"id": "a1", "value": "10"}, 1))
        await d.plan()
        plan = await the_plan(d)
        await d.commands.approve_plan(TENANT, plan["plan_id"], "vera", uuid7())
        await d.apply(change({"id": "a1", "value": "11"}, 2))
        await d.settle()
        states = await d.rows("select state from plans order by created_at")
    assert (shelf.puts, [row["state"] for row in states]) == ([], ["stale", "proposed"])

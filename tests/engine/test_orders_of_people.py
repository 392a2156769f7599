"""What a person can do about a hold: try again, or say what was found in the other system."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from stepping import Desk, Shelf, change, desk
from world import TENANT

from database import Database
from tieline.kit.errors import Conflict, NotFound, Rejected, Unknown
from tieline.kit.ids import uuid7
from tieline.ports.decisions import Decision, Desired, Target
from tieline.ports.flows import Snapshot
from tieline.ports.systems import Envelope, ExternalRef, OperationClass


def plain_flow(snapshot: Snapshot) -> Iterator[Decision]:
    for record in snapshot.records["item"].values():
        target = Target(kind="order", key=record.id, role="shelf", legal_entity="E1")
        yield Desired(target=target, doc={"value": record.doc["value"]})


def refuse(envelope: Envelope) -> ExternalRef | None:
    raise Rejected("the period is closed")


def lose(envelope: Envelope) -> ExternalRef | None:
    raise Unknown("the answer was lost")


async def the_hold(d: Desk) -> dict[str, Any]:
    holds = await d.rows("select * from holds where lifted_at is null")
    assert len(holds) == 1, "one hold tells a person what is wrong"
    return holds[0]


async def stuck(d: Desk) -> dict[str, Any]:
    await d.apply(change({"id": "a1", "value": "10"}, 1))
    await d.settle()
    return await the_hold(d)


async def test_a_refused_document_waits_for_a_person_and_goes_out_when_told_to(database: Database) -> None:
    shelf = Shelf(on_put=refuse)
    async with desk(database, plain_flow, shelf) as d:
        hold = await stuck(d)
        assert (hold["code"], await d.statuses()) == ("REJECTED", {"a1": "held"})
        assert await d.commands.retry(TENANT, "item:a1", hold["hold_id"], "vera") == 1
        await d.settle()
        assert (await d.open_holds(), await d.statuses()) == (["REJECTED"], {"a1": "held"})
        shelf.on_put = lambda envelope: None
        assert await d.commands.retry(TENANT, "item:a1", None, "vera") == 1
        await d.settle()
        assert (await d.open_holds(), await d.statuses()) == ([], {"a1": "in_step"})
        effects = await d.rows("select state, attempt from effects")
    assert effects == [{"state": "ok", "attempt": 3}]


async def test_a_corrected_record_goes_out_by_itself_and_lifts_the_refusal(database: Database) -> None:
    shelf = Shelf(on_put=lambda envelope: refuse(envelope) if envelope.doc["value"] == "10" else None)
    async with desk(database, plain_flow, shelf) as d:
        await stuck(d)
        await d.apply(change({"id": "a1", "value": "11"}, 2))
        await d.settle()
        assert (await d.open_holds(), await d.statuses()) == ([], {"a1": "in_step"})
    assert shelf.values() == [("a1", {"value": "11"})]


async def test_a_hold_that_is_not_open_cannot_be_tried_again(database: Database) -> None:
    async with desk(database, plain_flow, Shelf()) as d:
        with pytest.raises(NotFound):
            await d.commands.retry(TENANT, "item:a1", uuid7(), "vera")


async def test_D4_trying_again_never_repeats_a_call_that_only_a_person_can_judge(database: Database) -> None:
    shelf = Shelf(op_class=OperationClass.N, on_put=lose)
    async with desk(database, plain_flow, shelf) as d:
        hold = await stuck(d)
        shelf.on_put = lambda envelope: None
        for hold_id in (hold["hold_id"], None):
            await d.commands.retry(TENANT, "item:a1", hold_id, "vera")
            await d.settle()
        assert (await d.open_holds(), await d.statuses()) == (["AMBIGUOUS"], {"a1": "ambiguous"})
    assert shelf.puts == []


async def test_what_a_person_found_in_the_system_counts_as_written(database: Database) -> None:
    """The call had happened: the document is there under the number that the person read."""
    shelf = Shelf(op_class=OperationClass.N)

    def happened_and_lost(envelope: Envelope) -> ExternalRef | None:
        shelf.puts.append(envelope)
        raise Unknown("the answer was lost")

    shelf.on_put = happened_and_lost
    async with desk(database, plain_flow, shelf) as d:
        hold = await stuck(d)
        assert await d.commands.settle(TENANT, hold["hold_id"], "ext-a1", "vera") == "written"
        await d.settle()
        assert (await d.open_holds(), await d.statuses()) == ([], {"a1": "in_step"})
        effects = await d.rows("select state, settled_at is not null as settled from effects")
        external = await d.rows("select external from replicas")
    assert (effects, len(shelf.puts)) == ([{"state": "ok", "settled": True}], 1)
    assert (external[0]["external"]["id"], external[0]["external"]["extra"]) == ("ext-a1", {"told_by": "vera"})


async def test_what_a_person_did_not_find_is_sent_once_more(database: Database) -> None:
    shelf = Shelf(op_class=OperationClass.N, on_put=lose)
    async with desk(database, plain_flow, shelf) as d:
        hold = await stuck(d)
        shelf.on_put = lambda envelope: None
        assert await d.commands.settle(TENANT, hold["hold_id"], None, "vera") == "pending"
        await d.settle()
        assert (await d.open_holds(), await d.statuses()) == ([], {"a1": "in_step"})
        with pytest.raises(NotFound):
            await d.commands.settle(TENANT, hold["hold_id"], None, "vera")
    assert len(shelf.puts) == 1


async def test_only_an_ambiguous_call_can_be_settled_by_a_person(database: Database) -> None:
    async with desk(database, plain_flow, Shelf(on_put=refuse)) as d:
        hold = await stuck(d)
        with pytest.raises((NotFound, Conflict)):
            await d.commands.settle(TENANT, hold["hold_id"], "ext-a1", "vera")
        assert await d.statuses() == {"a1": "held"}

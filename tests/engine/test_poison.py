"""One thing that fails every time holds itself and nothing else (F50), and says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stepping import Desk, Shelf, change, desk
from world import TENANT

from database import Database
from tieline.engine.inputs import NewInput, accept
from tieline.kit.canonical import digest_of, encode
from tieline.kit.ids import uuid7
from tieline.ports.decisions import Decision, Desired, Target
from tieline.ports.flows import Snapshot
from tieline.ports.systems import Envelope, ExternalRef

POISON = "a\u0000b"  # text that PostgreSQL cannot keep


def poisonable_flow(snapshot: Snapshot) -> Iterator[Decision]:
    """`poison` items want a document that cannot be stored; `broken` ones make the flow itself fail."""
    for record in snapshot.records["item"].values():
        if record.doc.get("broken"):
            raise ZeroDivisionError("a defect of the flow")
        value = POISON if record.doc.get("poison") else record.doc["value"]
        yield Desired(target=Target(kind="order", key=record.id, role="shelf", legal_entity="E1"), doc={"value": value})


async def hand_in(d: Desk, *docs: dict[str, Any]) -> None:
    inputs = [
        NewInput(
            tenant=TENANT, channel="api", system="inbox", topic="item", source_id=doc["id"], body=encode(doc),
            dedup=digest_of(doc["id"], str(doc["version"])), correlation_id=uuid7(),
        )
        for doc in docs
    ]  # fmt: skip
    async with d.pool.connection() as connection:
        await accept(connection, inputs)
    await d.worker.intake.round()
    await d.worker.intake.drain()


async def test_F50_an_input_that_cannot_be_stored_is_rejected_alone_and_the_batch_goes_on(database: Database) -> None:
    async with desk(database, poisonable_flow, Shelf()) as d:
        good = [{"id": f"a{n}", "version": 1, "kinds": {}, "value": "10"} for n in range(6)]
        await hand_in(d, *good[:3], {"id": "bad", "version": 1, "kinds": {}, "value": POISON}, *good[3:])
        inputs = await d.rows("select source_id, status, reason from inputs order by source_id")
        holds = await d.rows("select code, subject, owner, sentence from holds where lifted_at is null")
    assert {row["source_id"]: row["status"] for row in inputs} == {
        **{f"a{n}": "applied" for n in range(6)},
        "bad": "rejected",
    }
    assert [(row["code"], row["subject"], row["owner"]) for row in holds] == [
        ("UNSTORABLE", "source:inbox/bad", "integration")
    ]


async def test_F50_a_corrected_input_lifts_the_hold_of_its_predecessor(database: Database) -> None:
    async with desk(database, poisonable_flow, Shelf()) as d:
        await hand_in(d, {"id": "a1", "version": 1, "value": POISON})
        assert await d.open_holds() == ["UNSTORABLE"]
        await hand_in(d, {"id": "a1", "version": 2, "value": "10"})
        assert await d.open_holds() == []


async def test_F50_what_is_no_json_is_rejected_and_named(database: Database) -> None:
    async with desk(database, poisonable_flow, Shelf()) as d:
        new = NewInput(
            tenant=TENANT, channel="api", system="inbox", topic="item", source_id="a1", body=b"<html>", dedup=b"k" * 16,
            correlation_id=uuid7(),
        )  # fmt: skip
        async with d.pool.connection() as connection:
            await accept(connection, [new])
        await d.worker.intake.round()
        await d.worker.intake.drain()
        assert await d.open_holds() == ["MALFORMED"]


async def test_F50_a_lane_whose_plan_cannot_be_stored_is_held_and_the_others_are_planned(database: Database) -> None:
    shelf = Shelf()
    async with desk(database, poisonable_flow, shelf) as d:
        await d.apply(*(change({"id": f"a{n}", "value": "10"}, 1) for n in range(5)))
        await d.apply(change({"id": "bad", "value": "10", "poison": True}, 1))
        await d.settle()
        holds = await d.rows("select code, lane from holds where lifted_at is null")
        assert await d.statuses() == {f"a{n}": "in_step" for n in range(5)}
        await d.apply(change({"id": "bad", "value": "10"}, 2))
        await d.settle()
        assert await d.open_holds() == []
    assert [(row["code"], row["lane"]) for row in holds] == [("PLAN_UNSTORABLE", "item:bad")]


async def test_O5_a_flow_that_fails_freezes_its_lane_shows_it_and_heals(database: Database) -> None:
    shelf = Shelf()
    async with desk(database, poisonable_flow, shelf) as d:
        await d.apply(change({"id": "a1", "value": "10"}, 1), change({"id": "bad", "value": "10", "broken": True}, 1))
        await d.settle()
        lanes = await d.rows("select lane, flow_error, planned < wanted as behind from lanes order by lane")
        assert [(row["lane"], row["behind"]) for row in lanes] == [("item:a1", False), ("item:bad", True)]
        assert (await d.open_holds(), await d.statuses()) == (["FLOW_DEFECT"], {"a1": "in_step"})
        await d.apply(change({"id": "bad", "value": "10"}, 2))
        await d.settle()
        assert (await d.open_holds(), await d.statuses()) == ([], {"a1": "in_step", "bad": "in_step"})


async def test_F50_a_read_back_that_cannot_be_stored_holds_its_own_replica(database: Database) -> None:
    """A vendor shows text that the store refuses: the others are in step, and the worker goes on flushing."""
    shelf = Shelf(show=lambda doc: {"value": POISON} if doc["value"] == "13" else doc)
    async with desk(database, poisonable_flow, shelf) as d:
        await d.apply(*(change({"id": f"a{n}", "value": f"1{n}"}, 1) for n in range(6)))
        await d.settle()
        holds = await d.rows("select code, subject from holds where lifted_at is null")
        assert await d.statuses() == {f"a{n}": "written" if n == 3 else "in_step" for n in range(6)}
        shelf.show = lambda doc: doc
        await d.rows("update due set due_at = now() returning 1")
        await d.settle()
        assert (await d.open_holds(), set((await d.statuses()).values())) == ([], {"in_step"})
    assert [(row["code"], row["subject"]) for row in holds] == [("UNSTORABLE", "shelf/order/a3")]


async def test_F50_a_reference_that_cannot_be_stored_makes_its_own_effect_ambiguous(database: Database) -> None:
    """The call had its effect and we cannot keep where: a person looks, nothing is sent again."""

    def poisonous(envelope: Envelope) -> ExternalRef | None:
        return ExternalRef(id=POISON) if envelope.document_key == "a2" else None

    shelf = Shelf(on_put=poisonous)
    async with desk(database, poisonable_flow, shelf) as d:
        await d.apply(*(change({"id": f"a{n}", "value": "10"}, 1) for n in range(4)))
        await d.settle()
        assert await d.statuses() == {f"a{n}": "ambiguous" if n == 2 else "in_step" for n in range(4)}
        assert await d.open_holds() == ["AMBIGUOUS"]
    assert sorted(put.document_key for put in shelf.puts) == ["a0", "a1", "a2", "a3"]

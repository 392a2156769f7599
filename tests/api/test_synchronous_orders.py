"""Orders whose caller waits for the system's confirmation (RFC 7240), and what the ambiguous hold shows to decide by."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from test_settle import Books, Firm, books, firm

__all__ = ["books", "firm"]
FOUND = {"external_id": "B-4711"}


async def ordered(firm: Firm, body: Any, prefer: str, key: str = "k-1") -> Any:
    stuck = firm.house.rows("select hold_id from holds where code = 'AMBIGUOUS' order by since limit 1")[0][0]
    async with firm.house.client() as http:
        return await http.post(
            f"/process/v1/holds/{stuck}/settle", json=body, headers={"idempotency-key": key, "prefer": prefer}
        )


async def taken(firm: Firm) -> None:
    for _ in range(500):
        if firm.status() != "ambiguous":
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the order was not taken")


async def test_a_caller_that_waits_is_told_the_confirmed_outcome(firm: Firm, books: Books) -> None:
    asked = asyncio.create_task(ordered(firm, FOUND, "wait=10"))
    await taken(firm)
    await firm.comes_to_rest()
    answer = await asked
    assert (answer.status_code, answer.json()["state"]) == (200, "done"), answer.text
    assert answer.headers["preference-applied"] == "wait=10" and "/operations/" in answer.headers["location"]
    assert answer.json()["replicas"] == {"in_step": 1} and books.calls == 1


async def test_after_the_deadline_the_order_stands_once_and_its_outcome_is_found_under_the_operation(
    firm: Firm, books: Books
) -> None:
    answer = await ordered(firm, FOUND, "wait=1")
    assert answer.status_code == 202 and (await firm.operation(answer))["state"] == "running"
    await firm.comes_to_rest()
    assert (await firm.operation(answer))["state"] == "done"
    again = await ordered(firm, FOUND, "wait=5")
    assert (again.status_code, again.json()["state"], again.headers["idempotency-replayed"]) == (200, "done", "true")
    assert again.json()["operation_id"] == answer.json()["operation_id"] and books.calls == 1
    assert len(firm.house.rows("select 1 from events where type = 'dev.tieline.hold.settled.v1'")) == 1


async def test_a_preference_that_cannot_be_read_is_refused_before_anything_is_ordered(firm: Firm) -> None:
    answer = await ordered(firm, FOUND, "wait=soon")
    assert (answer.status_code, answer.json()["code"]) == (400, "header_refused"), answer.text
    assert firm.status() == "ambiguous"


async def test_without_the_preference_nobody_waits(firm: Firm) -> None:
    assert (await ordered(firm, FOUND, "respond-async")).status_code == 202


@pytest.mark.parametrize("books", [Books(took_effect=False)], ids=["nothing-happened"])
async def test_D4_what_did_not_happen_is_sent_once_while_the_caller_waits(firm: Firm, books: Books) -> None:
    asked = asyncio.create_task(ordered(firm, {"happened": False}, "wait=10"))
    await taken(firm)
    await firm.comes_to_rest()
    assert ((await asked).json()["state"], books.calls) == ("done", 2)


async def test_an_ambiguous_hold_shows_what_was_sent_when_and_both_ways_out(firm: Firm) -> None:
    [(evidence, intended_at, key)] = firm.house.rows(
        "select h.evidence, e.intended_at, e.effect_key from holds h join effects e on e.replica_id = h.subject"
    )
    assert evidence["sent"] == firm.house.rows("select doc from replicas")[0][0]
    assert (evidence["sent_at"], evidence["effect_key"]) == (intended_at.isoformat(), bytes(key).hex())
    assert evidence["search_for"] == "c1" and evidence["looked_for"].startswith("nothing")
    assert evidence["ways_out"] == {
        "it happened": "tieline resolve erp/entry/c1 --happened <its id in erp>",
        "it did not": "tieline resolve erp/entry/c1 --did-not-happen",
    }

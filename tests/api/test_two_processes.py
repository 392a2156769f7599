"""The API runs in several processes: what one of them answered, the others know (D2, idempotency)."""

from __future__ import annotations

from dataclasses import replace

from api_house import House, contract
from test_orders import ENTRY, order

from tieline.api.app import create_app


async def test_a_repeat_that_reaches_another_process_gets_the_first_answer(house: House) -> None:
    contract(house, "c1")
    other = replace(house, app=create_app(house.services))
    first, second = await order(house, "/time-entries", ENTRY), await order(other, "/time-entries", ENTRY)
    assert second.headers.get("idempotency-replayed") == "true"
    assert second.json() == first.json()
    assert house.rows("select count(*) from inputs") == [(1,)]


async def test_another_request_under_the_same_key_is_refused_by_every_process(house: House) -> None:
    contract(house, "c1")
    other = replace(house, app=create_app(house.services))
    await order(house, "/time-entries", ENTRY)
    answer = await order(other, "/time-entries", {**ENTRY, "hours": "8.00"})
    assert (answer.status_code, answer.json().get("code")) == (422, "idempotency_key_reused")

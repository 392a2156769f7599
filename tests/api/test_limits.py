"""Requests that are too big, too deep, too many or not what they say (X7, X39)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from api_house import House, contract, message, signed
from test_orders import ENTRY

KEY = {"idempotency-key": "k"}


async def test_X39_a_body_over_the_limit_is_refused_before_it_is_read_whole(house: House) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100_000_000:
            sent += 65_536
            yield b"x" * 65_536

    async with house.client(None) as http:
        declared = await http.post("/hooks/northwind/clm", content=b"x" * (1024 * 1024 + 1))
    assert (declared.status_code, declared.json()["code"]) == (413, "too_large")
    async with house.client() as http:
        answer = await http.post("/process/v1/time-entries", content=endless(), headers=KEY)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("body", [b"[" * 10_000, b'{"a":' * 10_000 + b"1" + b"}" * 10_000])
async def test_X39_a_body_nested_ten_thousand_deep_is_refused(house: House, body: bytes) -> None:
    async with house.client() as http:
        answer = await http.post(
            "/process/v1/time-entries", content=body, headers={**KEY, "content-type": "application/json"}
        )
    hook = await house.hook(body)
    assert (answer.status_code, hook.status_code) == (400, 400)
    assert answer.json()["code"] == hook.json()["code"] == "malformed"


async def test_X39_many_braces_inside_a_text_are_no_depth(house: House) -> None:
    answer = await house.hook(message(1, note='{[{"' * 500))
    assert answer.status_code == 202


async def test_X39_a_hundred_thousand_members_are_refused(house: House) -> None:
    body = b"{" + b",".join(b'"k%d":1' % n for n in range(20_000)) + b"}"
    assert (await house.hook(body)).status_code == 413


async def test_X39_more_than_a_hundred_headers_are_refused(house: House) -> None:
    many = {f"x-{n}": "1" for n in range(200)}
    async with house.client(**many) as http:
        answer = await http.get("/experience/v1/contracts")
    hook = await house.hook(message(), headers={**signed(message()), **many})
    assert (answer.status_code, hook.status_code) == (431, 431)


@pytest.mark.parametrize("limit", ["0", "201", "1000000000", "-1", "ten", "1e2"])
async def test_X39_a_page_of_an_absurd_size_is_refused(house: House, limit: str) -> None:
    async with house.client() as http:
        answer = await http.get(f"/experience/v1/contracts?limit={limit}")
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "/query/limit")


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "text/plain", "application/xml", ""])
async def test_X7_a_body_that_does_not_say_that_it_is_json_is_refused(house: House, kind: str) -> None:
    async with house.client() as http:
        answer = await http.post("/process/v1/time-entries", content=b"{}", headers={**KEY, "content-type": kind})
    assert (answer.status_code, answer.json()["code"]) == (415, "wrong_content_type")


@pytest.mark.parametrize(
    "body", [b'{"hours":"1","hours":"2"}', b'{"hours":NaN}', b'{"hours":Infinity}', b"{", b"\xff\xfe", b"{} {}"]
)
async def test_X5_a_document_with_two_readings_is_refused(house: House, body: bytes) -> None:
    async with house.client() as http:
        answer = await http.post(
            "/process/v1/time-entries", content=body, headers={**KEY, "content-type": "application/json"}
        )
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


async def test_X5_read_only_and_unknown_members_are_refused_by_every_order(house: House) -> None:
    contract(house, "c1")
    bodies = {
        "/time-entries": {**ENTRY, "id": "mine", "state": "approved"},
        "/contracts/c1/invoices": {"through": "2026-03-01", "invoice_date": "2026-03-02", "requested_by": "root"},
        "/invoices/inv_1/release": {"digest": "0" * 32, "principal": "root"},
        "/contracts/c1/retry": {"tenant": "southwind"},
        "/plans/pln_1/apply": {"state": "applied"},
    }
    async with house.client() as http:
        for path, body in bodies.items():
            answer = await http.post(f"/process/v1{path}", json=body, headers={"idempotency-key": path})
            assert (answer.status_code, answer.json()["code"]) == (422, "rejected"), path


async def test_X1_texts_that_look_like_code_are_stored_as_text(house: House) -> None:
    contract(house, "c1")
    narrative = "'; drop table inputs; -- {{7*7}} ${jndi:ldap://x} =cmd|' /C calc'!A0 \u202e"
    async with house.client() as http:
        answer = await http.post("/process/v1/time-entries", json={**ENTRY, "narrative": narrative}, headers=KEY)
    assert answer.status_code == 202
    [(body,)] = house.rows("select convert_from(body, 'utf8')::jsonb->>'narrative' from inputs")
    assert body == narrative


async def test_one_message_that_cannot_be_stored_fails_alone(house: House) -> None:
    bodies = [message(n) for n in range(9)]
    poison = message("poison").replace(b"rec-poison", b"rec\\u0000")
    answers = await asyncio.gather(*(house.hook(body) for body in [*bodies[:4], poison, *bodies[4:]]))
    assert [answer.status_code for answer in answers] == [202] * 4 + [400] + [202] * 5 or answers[4].status_code == 422
    assert [a.status_code for n, a in enumerate(answers) if n != 4] == [202] * 9
    assert house.rows("select count(*) from inputs") == [(9,)]

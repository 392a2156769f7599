"""Endpoints over the API: who may, what is refused, and that a secret is shown once and kept nowhere in clear."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from api_house import SCOPES, House, key_of

from tieline.adapters.cipher import AesCipher
from tieline.adapters.postman import check_endpoint_url
from tieline.api.app import create_app
from tieline.engine.deliveries.orders import Endpoints

PATH = "/webhooks/v1/endpoints"
BODY = {"url": "https://partner.example/in", "types": ["dev.tieline.invoice.*"]}


@pytest.fixture
async def hub(house: House) -> AsyncIterator[House]:
    """The house with webhooks set up, and a key that may order them."""
    endpoints = Endpoints(
        pool=house.services.pool, cipher=AesCipher(b"k" * 32), clock=house.services.clock,
        check_url=lambda url: check_endpoint_url(url, allow_private=False),
    )  # fmt: skip
    services = replace(house.services, endpoints=endpoints)
    scopes = (*SCOPES, "webhook:read", "webhook:write")
    keys = {tenant: await key_of(services.pool, tenant, scopes) for tenant in services.landscape}
    yield replace(house, app=create_app(services), services=services, keys=keys)


async def test_X15_a_secret_is_in_one_answer_and_a_repeat_of_the_order_does_not_have_it(hub: House) -> None:
    async with hub.client() as http:
        first = await http.post(PATH, json=BODY, headers={"idempotency-key": "once"})
        again = await http.post(PATH, json=BODY, headers={"idempotency-key": "once"})
        (listed,) = (await http.get(PATH)).json()["endpoints"]
    made = first.json()
    assert first.status_code == 202 and made["secret"].startswith("whsec_")
    assert again.json() == {"endpoint_id": made["endpoint_id"]} and again.headers["idempotency-replayed"] == "true"
    assert listed["endpoint_id"] == made["endpoint_id"] and listed["secrets"] == 1
    for table in ("idempotency", "endpoints", "endpoint_secrets", "events"):
        assert made["secret"][6:] not in str(hub.rows(f"select * from {table}"))


async def test_a_rotation_answers_another_secret_and_until_when_the_earlier_one_signs(hub: House) -> None:
    async with hub.client() as http:
        made = (await http.post(PATH, json=BODY, headers={"idempotency-key": "a"})).json()
        place = f"{PATH}/{made['endpoint_id']}"
        rotated = (await http.post(f"{place}/rotate", json={"overlap_s": 60}, headers={"idempotency-key": "b"})).json()
        (listed,) = (await http.get(PATH)).json()["endpoints"]
        assert rotated["secret"] != made["secret"] and rotated["earlier_valid_until"] == "2026-03-02T09:01:00Z"
        assert listed["changed_by"] and listed["state"] == "active"
        off = await http.post(f"{place}/disable", headers={"idempotency-key": "c"})
        assert off.json() == {"endpoint_id": made["endpoint_id"], "state": "disabled"}
        refused = await http.post(
            f"{place}/recover", json={"since": "2026-03-01T00:00:00Z"}, headers={"idempotency-key": "d"}
        )
        assert refused.status_code == 409
        on = await http.post(f"{place}/enable", headers={"idempotency-key": "e"})
        assert on.json()["state"] == "active"
        assert (await http.get(f"{place}/attempts")).json() == {"attempts": [], "next_cursor": None}
    changes = hub.rows("select data->>'change', actor from events order by recorded_at, lane_seq")
    assert [change for change, _ in changes] == ["registered", "rotated", "disabled", "enabled"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"url": "https://10.0.0.1/in"}, "/url"),
        ({"url": "http://partner.example/in"}, "/url"),
        ({"url": "https://partner.example/in", "types": ["dev.tieline.invoce.*"]}, "/types"),
        ({"url": "https://partner.example/in", "legal_entities": ["XX99"]}, "/legal_entities"),
    ],
)
async def test_X18_what_cannot_be_told_is_refused_with_the_field_that_says_so(
    hub: House, body: dict[str, object], pointer: str
) -> None:
    async with hub.client() as http:
        refused = await http.post(PATH, json=body, headers={"idempotency-key": "x"})
    assert refused.status_code == 422
    assert [error["path"] for error in refused.json()["errors"]] == [pointer]


async def test_X22_an_endpoint_of_another_firm_is_not_there(hub: House) -> None:
    async with hub.client("southwind") as theirs:
        made = (await theirs.post(PATH, json=BODY, headers={"idempotency-key": "a"})).json()
    async with hub.client() as http:
        place = f"{PATH}/{made['endpoint_id']}"
        assert (await http.get(PATH)).json() == {"endpoints": []}
        assert (await http.get(f"{place}/attempts")).status_code == 404
        for verb, body in (("rotate", {"overlap_s": 0}), ("disable", {}), ("enable", {})):
            answer = await http.post(f"{place}/{verb}", json=body, headers={"idempotency-key": verb})
            assert answer.status_code == 404


async def test_a_key_without_the_scope_may_neither_see_nor_order_webhooks(hub: House) -> None:
    key = await key_of(hub.services.pool, "northwind", SCOPES)
    async with hub.client(None, authorization=f"Bearer {key}") as http:
        assert (await http.get(PATH)).status_code == 403
        assert (await http.post(PATH, json=BODY, headers={"idempotency-key": "x"})).status_code == 403

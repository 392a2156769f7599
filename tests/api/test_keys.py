"""Who may ask what: the key says the firm, and nothing else in a request can."""

from __future__ import annotations

import psycopg
import pytest
from api_house import House, contract, hold, key_of, record, replica

from tieline.adapters.postgres import principals
from tieline.adapters.postgres.pools import tenant_tx

READS = (
    "/experience/v1/contracts/{id}", "/experience/v1/contracts/{id}/timeline", "/experience/v1/contracts/{id}/trace",
    "/process/v1/plans/pln_1", "/process/v1/invoices/inv_1", "/events/v1?contract_id={id}",
)  # fmt: skip
ORDERS = (
    ("/process/v1/contracts/{id}/activate:check", {}), ("/process/v1/contracts/{id}/plans", {}),
    ("/process/v1/contracts/{id}/retry", {}), ("/process/v1/holds/{hold}/retry", {}), ("/process/v1/plans/pln_1/apply", {}),
    ("/process/v1/contracts/{id}/invoices", {"through": "2026-03-01", "invoice_date": "2026-03-02"}),
    ("/process/v1/invoices/inv_1/release", {"digest": "0" * 32}),
)  # fmt: skip


@pytest.mark.parametrize("key", [None, "", "tl_", "tl_wrong", "sk_wrong", "tl_" + "x" * 5000])
async def test_X14_without_a_known_key_nothing_is_shown(house: House, key: str | None) -> None:
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    async with house.client(None, **headers) as http:
        answer = await http.get("/experience/v1/contracts")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_X12_a_revoked_key_is_refused_at_once(house: House) -> None:
    async with house.client() as http:
        assert (await http.get("/experience/v1/contracts")).status_code == 200
        pool = house.services.pool
        async with pool.connection() as conn, tenant_tx(conn, "northwind"):
            found = await principals.authenticate(conn, house.keys["northwind"])
            assert found is not None and await principals.revoke_principal(conn, "northwind", found.principal_id)
        assert (await http.get("/experience/v1/contracts")).status_code == 401


async def test_a_key_without_the_scope_is_told_which_scope_is_missing(house: House) -> None:
    key = await key_of(house.services.pool, "northwind", ["contract:read"])
    async with house.client(None, authorization=f"Bearer {key}") as http:
        answer = await http.post(
            "/process/v1/invoices/inv_1/release", json={"digest": "0" * 32}, headers={"idempotency-key": "a"}
        )
    assert answer.status_code == 403
    assert "invoice:release" in answer.json()["detail"]


async def test_X22_every_identifier_of_another_firm_is_answered_like_one_that_does_not_exist(house: House) -> None:
    contract(house, "theirs", tenant="southwind")
    replica(house, "theirs", "project", "prj_1", tenant="southwind")
    their_hold = hold(house, "theirs", tenant="southwind")
    record(house, "southwind", "invoice", "inv_1", "contract:theirs", {"id": "inv_1"})
    house.seed(
        "plans", tenant_id="southwind", plan_id="pln_1", lane="contract:theirs", gate="amendment:1", digest=b"0" * 16,
        items=[{"replica_id": "erp/project/prj_1"}], state="proposed", lane_version=1, config_version="1",
    )  # fmt: skip
    async with house.client() as http:
        for path in READS:
            answer = await http.get(path.format(id="theirs"))
            assert answer.status_code == 404 or answer.json()["events"] == [], path
            assert "Data platform" not in answer.text
        for number, (path, body) in enumerate(ORDERS):
            where = path.format(id="theirs", hold=their_hold)
            answer = await http.post(where, json=body, headers={"idempotency-key": f"x22-{number}"})
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
        assert (await http.get("/experience/v1/contracts")).json()["contracts"] == []
    assert house.rows("select count(*) from approvals") == [(0,)]
    assert house.rows("select state from plans") == [("proposed",)]


async def test_X22_a_cursor_of_another_firm_is_refused(house: House) -> None:
    for number in range(3):
        contract(house, f"n{number}")
        contract(house, f"s{number}", tenant="southwind")
    async with house.client("southwind") as http:
        theirs = (await http.get("/experience/v1/contracts?limit=1")).json()["next_cursor"]
    async with house.client() as http:
        answer = await http.get("/experience/v1/contracts", params={"cursor": theirs})
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "/query/cursor")


@pytest.mark.parametrize(
    "name", ["x-hub-tenant", "X-Tenant-Id", "Tieline-Tenant", "tieline_tenant", "TENANT", "x-tieline-principal"]
)
async def test_X6_a_header_that_names_a_firm_is_refused(house: House, name: str) -> None:
    contract(house, "theirs", tenant="southwind")
    async with house.client(**{name: "southwind"}) as http:
        answer = await http.get("/experience/v1/contracts/theirs")
    assert (answer.status_code, answer.json()["code"]) == (400, "header_refused")


async def test_X6_forwarding_headers_change_nothing(house: House) -> None:
    contract(house, "ours")
    forged = {
        "x-forwarded-for": "10.0.0.1",
        "x-forwarded-host": "evil",
        "x-forwarded-prefix": "/hooks",
        "forwarded": "by=x",
    }
    async with house.client(**forged) as http:
        answer = await http.get("/experience/v1/contracts?limit=1")
    assert answer.status_code == 200 and "evil" not in answer.text + str(answer.headers)


async def test_X6_two_authorization_headers_are_refused(house: House) -> None:
    keys = [("authorization", f"Bearer {house.keys[tenant]}") for tenant in ("northwind", "southwind")]
    async with house.client(None) as http:
        answer = await http.get("/experience/v1/contracts", headers=keys)
    assert (answer.status_code, answer.json()["code"]) == (400, "header_refused")


async def test_X8_there_is_no_administration_on_this_listener(house: House) -> None:
    async with house.client() as http:
        for path in ("/admin", "/admin/v1/tenants", "/docs", "/redoc", "/metrics"):
            assert (await http.get(path)).status_code == 404, path


async def test_T2_the_api_role_sees_nothing_without_a_tenant(house: House) -> None:
    contract(house, "ours")
    async with house.services.pool.connection() as conn:
        try:
            rows = await (await conn.execute("select count(*) from records")).fetchone()
        except psycopg.Error:
            rows = (0,)
    assert rows == (0,)

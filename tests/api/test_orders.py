"""Orders: given once, bound to what was looked at, followed as an operation."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from api_house import House, contract, hold, record

from tieline.kit.canonical import digest

INVOICE = {
    "id": "inv_1", "contract_id": "c1", "invoice_date": "2026-03-02", "total": {"amount": "1200.00", "currency": "EUR"},
}  # fmt: skip
ENTRY = {
    "contract_id": "c1", "line_id": "l1", "resource_id": "ada", "work_date": "2026-03-01", "hours": "7.50",
    "approved_by": "grace", "approved_at": "2026-03-02T08:00:00Z",
}  # fmt: skip


async def order(house: House, path: str, body: Any = None, key: str | None = "k-1") -> Any:
    headers = {"idempotency-key": key} if key else {}
    async with house.client() as http:
        return await http.post(f"/process/v1{path}", json=body if body is not None else {}, headers=headers)


def waiting_invoice(house: House) -> str:
    contract(house, "c1")
    record(house, "northwind", "invoice", "inv_1", "contract:c1", INVOICE)
    covered = digest(INVOICE).hex()
    hold(
        house, "c1", "AWAITING_RELEASE", subject="invoice:inv_1", sentence="Invoice inv_1 waits for its release.",
        evidence={"digest": covered}, amount=1200,
    )  # fmt: skip
    return covered


async def test_a_time_entry_is_journaled_and_followed_as_an_operation(house: House) -> None:
    contract(house, "c1")
    answer = await order(house, "/time-entries", ENTRY)
    assert answer.status_code == 202, answer.text
    assert house.rows("select channel, topic, source_id, status from inputs") == [
        ("api", "time_entry", answer.json()["time_entry_id"], "accepted")
    ]
    async with house.client() as http:
        found = await http.get(answer.headers["location"])
    assert found.json()["state"] == "running"
    assert found.json()["operation_id"] == answer.headers["tieline-correlation-id"]


async def test_the_same_key_gets_the_first_answer_again_and_one_entry(house: House) -> None:
    contract(house, "c1")
    first, second = await order(house, "/time-entries", ENTRY), await order(house, "/time-entries", ENTRY)
    assert second.json() == first.json() and second.status_code == 202
    assert second.headers["idempotency-replayed"] == "true" and "idempotency-replayed" not in first.headers
    assert second.headers["tieline-correlation-id"] == first.headers["tieline-correlation-id"]
    assert house.rows("select count(*) from inputs") == [(1,)]


async def test_twenty_at_once_with_one_key_are_one_entry(house: House) -> None:
    contract(house, "c1")
    answers = await asyncio.gather(*(order(house, "/time-entries", ENTRY, key="same") for _ in range(20)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert all(a.json()["code"] == "in_progress" and a.headers["retry-after"] for a in answers if a.status_code == 409)
    assert house.rows("select count(*) from inputs") == [(1,)]


async def test_D2_the_same_key_with_another_body_is_refused(house: House) -> None:
    contract(house, "c1")
    await order(house, "/time-entries", ENTRY)
    answer = await order(house, "/time-entries", {**ENTRY, "hours": "8.00"})
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert house.rows("select count(*) from inputs") == [(1,)]


async def test_D2_a_key_is_bound_for_ever_even_after_the_stored_answer_is_gone(house: House) -> None:
    contract(house, "c1")
    await order(house, "/time-entries", ENTRY)
    house.rows("delete from idempotency returning 1")
    changed = await order(house, "/time-entries", {**ENTRY, "hours": "8.00"})
    house.rows("delete from idempotency returning 1")
    same = await order(house, "/time-entries", ENTRY)
    assert (changed.status_code, changed.json()["code"]) == (422, "idempotency_key_reused")
    assert same.status_code == 202
    assert house.rows("select count(*) from inputs") == [(1,)]


async def test_an_effect_without_a_key_is_refused(house: House) -> None:
    contract(house, "c1")
    answer = await order(house, "/time-entries", ENTRY, key=None)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")


async def test_a_quoted_key_is_the_same_as_a_bare_one(house: House) -> None:
    contract(house, "c1")
    await order(house, "/time-entries", ENTRY, key='"k-9"')
    again = await order(house, "/time-entries", ENTRY, key="k-9")
    assert again.headers["idempotency-replayed"] == "true"


async def test_an_attempt_that_died_is_taken_over_after_a_minute(house: House) -> None:
    contract(house, "c1")
    await order(house, "/time-entries", ENTRY)
    house.rows("update idempotency set status = null, response = null returning 1")
    assert (await order(house, "/time-entries", ENTRY)).json()["code"] == "in_progress"
    house.rows("update idempotency set created_at = now() - interval '2 minutes' returning 1")
    assert (await order(house, "/time-entries", ENTRY)).status_code == 202
    assert house.rows("select count(*) from inputs") == [(1,)]


async def test_all_faults_are_named_at_once_with_their_place(house: House) -> None:
    contract(house, "c1")
    wrong = {**ENTRY, "hours": 7.5, "work_date": "yesterday", "tenant_id": "southwind"}
    answer = await order(house, "/time-entries", wrong)
    assert (answer.status_code, answer.json()["code"]) == (422, "rejected")
    assert {fault["path"] for fault in answer.json()["errors"]} == {"/hours", "/work_date", "/tenant_id"}
    assert house.rows("select count(*) from inputs") == [(0,)]


@pytest.mark.parametrize("hours", ["0", "0.00", "24.01", "-1", "1e3", "NaN", "999999"])
async def test_hours_that_no_day_has_are_refused(house: House, hours: str) -> None:
    contract(house, "c1")
    answer = await order(house, "/time-entries", {**ENTRY, "hours": hours})
    assert answer.status_code == 422 and answer.json()["errors"][0]["path"] == "/hours"


async def test_an_invoice_request_names_the_invoice_that_will_come_of_it(house: House) -> None:
    contract(house, "c1")
    answer = await order(house, "/contracts/c1/invoices", {"through": "2026-02-28", "invoice_date": "2026-03-02"})
    assert answer.status_code == 202 and answer.json()["invoice_id"].startswith("inv_")
    assert house.rows("select topic, source_id from inputs") == [
        ("invoice_request", answer.json()["invoice_request_id"])
    ]


async def test_an_invoice_is_released_by_the_digest_that_was_looked_at(house: House) -> None:
    covered = waiting_invoice(house)
    async with house.client() as http:
        shown = (await http.get("/process/v1/invoices/inv_1")).json()
    assert (shown["state"], shown["digest"], shown["document"]) == ("awaiting_release", covered, INVOICE)
    answer = await order(house, "/invoices/inv_1/release", {"digest": covered})
    assert answer.status_code == 202, answer.text
    assert house.rows("select lane, subject, encode(digest, 'hex') from approvals") == [
        ("contract:c1", "invoice:inv_1", covered)
    ]


async def test_a_release_of_another_digest_is_a_conflict_and_frees_its_key(house: House) -> None:
    covered = waiting_invoice(house)
    answer = await order(house, "/invoices/inv_1/release", {"digest": "0" * 32})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert house.rows("select count(*) from approvals") == [(0,)]
    assert (await order(house, "/invoices/inv_1/release", {"digest": covered})).status_code == 202


def proposed(house: House, state: str = "proposed") -> None:
    contract(house, "c1")
    item = {
        "replica_id": "erp/billing_rule/bil_1", "system": "erp", "kind": "billing_rule", "key": "bil_1", "action": "update",
        "before": {"rate": {"amount": "100", "currency": "EUR"}}, "after": {"rate": {"amount": "110", "currency": "EUR"}},
        "gate": "amendment:1",
    }  # fmt: skip
    house.seed(
        "plans", tenant_id="northwind", plan_id="pln_1", lane="contract:c1", gate="amendment:1", digest=b"\x01" * 16,
        items=[item], state=state, lane_version=0, config_version="1",
    )  # fmt: skip


async def test_a_plan_shows_the_fields_that_change_and_is_applied_exactly(house: House) -> None:
    proposed(house)
    async with house.client() as http:
        shown = (await http.get("/process/v1/plans/pln_1")).json()
    [change] = shown["items"][0]["fields"]
    assert (change["name"], change["old"]["amount"], change["new"]["amount"]) == ("rate", "100", "110")
    assert (shown["contract_id"], shown["certificate"]) == ("c1", None)
    answer = await order(house, "/plans/pln_1/apply", {"digest": shown["digest"]})
    assert (answer.status_code, answer.json()["state"]) == (202, "approved")
    assert house.rows("select state from plans") == [("approved",)]


async def test_a_stale_plan_is_refused(house: House) -> None:
    proposed(house, state="stale")
    answer = await order(house, "/plans/pln_1/apply")
    assert (answer.status_code, answer.json()["code"]) == (409, "stale_plan")


async def test_a_plan_other_than_the_one_shown_is_refused(house: House) -> None:
    proposed(house)
    answer = await order(house, "/plans/pln_1/apply", {"digest": "f" * 32})
    assert (answer.status_code, answer.json()["code"]) == (409, "stale_plan")
    assert house.rows("select state from plans") == [("proposed",)]


async def test_retry_looks_again_at_a_contract_and_at_a_hold(house: House) -> None:
    contract(house, "c1")
    stuck = hold(house, "c1")
    assert (await order(house, "/contracts/c1/retry")).status_code == 202
    assert (await order(house, f"/holds/{stuck}/retry")).status_code == 202
    assert house.rows("select count(*) from lane_dirty where lane = 'contract:c1'")[0][0] >= 2


async def test_a_check_writes_nothing(house: House) -> None:
    contract(house, "c1")
    before = house.rows("select count(*) from lane_dirty")
    answer = await order(house, "/contracts/c1/activate:check", key=None)
    assert (answer.status_code, answer.json()["ready"]) == (200, True)
    assert house.rows("select count(*) from lane_dirty") == before
    assert house.rows("select count(*) from inputs") == [(0,)]

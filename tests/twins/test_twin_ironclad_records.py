"""The Ironclad twin's repository: tokens, paging, status, amendments, and refusals in the vendor's words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from httpx2 import Client

import tieline.twins.ironclad
from tieline.twins.process import Served, served

SAMPLES = Path(tieline.twins.ironclad.__file__).parent / "samples"
FORM = {"grant_type": "client_credentials", "client_id": "tieline", "client_secret": "tieline-secret"}


def sample(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text())
    return content


@pytest.fixture
def firm(ironclad: Served) -> Served:
    names = ("amendment_of_a_rate", "contract_two_lines_de01", "contract_one_line_us01")
    ironclad.control("seed", {"records": [sample(name) for name in names]})
    return ironclad


def contract(clm: Client, id: str = "IC-101") -> dict[str, Any]:
    answer = clm.get(f"/records/{id}", params={"addressAsObject": "true"})
    assert answer.status_code == 200
    record: dict[str, Any] = answer.json()
    return record


@pytest.mark.parametrize("name", ["contract_two_lines_de01", "contract_one_line_us01", "amendment_of_a_rate"])
def test_a_seeded_record_is_answered_exactly_as_the_sample_shows_it(firm: Served, clm: Client, name: str) -> None:
    expected = sample(name)
    assert contract(clm, expected["ironcladId"]) == expected
    assert contract(clm, expected["id"]) == expected
    assert firm.journal() == []


def test_an_address_is_one_text_unless_objects_are_asked_for(firm: Served, clm: Client) -> None:
    held = clm.get("/records/IC-101").json()["properties"]["counterpartyAddress"]
    assert held == {"type": "string", "value": "Hafenstraße 12, Hamburg, 20457, DE"}


def test_records_are_listed_in_pages_from_zero(firm: Served, clm: Client) -> None:
    asked = {"sortField": "lastUpdated", "sortDirection": "ASC", "pageSize": "2"}
    first, second = (clm.get("/records", params={**asked, "page": page}).json() for page in ("0", "1"))
    assert [record["ironcladId"] for record in first["list"]] == ["IC-101", "IC-102"]
    assert [record["ironcladId"] for record in second["list"]] == ["IC-103"]
    assert (first["count"], second["page"], second["pageSize"]) == (3, 1, 2)
    assert clm.get("/records", params={"pageSize": "101"}).status_code == 400


def test_records_are_found_by_type_by_change_and_by_a_property(firm: Served, clm: Client) -> None:
    def found(**asked: str) -> list[str]:
        listed = clm.get("/records", params={"sortField": "name", "sortDirection": "ASC", **asked}).json()["list"]
        return [record["ironcladId"] for record in listed]

    assert found(types="servicesAmendment") == ["IC-103"]
    assert found(lastUpdated="2026-02-25T09:30:00Z") == ["IC-103", "IC-102"], "the boundary is included"
    assert found(filter="Equals([contractNumber], 'NW-2026-002')") == ["IC-102"]
    assert clm.get("/records", params={"filter": "Contains([contractNumber], 'NW')"}).json()["param"] == "filter"
    assert clm.get("/records", params={"lastUpdated": "yesterday"}).json()["param"] == "lastUpdated"


def test_signing_sets_the_date_and_the_status_and_is_stated_once(ironclad: Served, clm: Client) -> None:
    unsigned = sample("contract_one_line_us01")
    del unsigned["properties"]["agreementDate"], unsigned["contractStatus"]
    ironclad.control("seed", {"records": [unsigned]})
    assert contract(clm, "IC-102")["contractStatus"]["status"] == "indeterminate"
    for _ in range(2):
        ironclad.control("sign/IC-102", {"at": "2026-02-25T09:30:00.000Z"})
    signed = contract(clm, "IC-102")
    assert signed["properties"]["agreementDate"]["value"] == "2026-02-25T09:30:00.000Z"
    assert (signed["contractStatus"]["status"], signed["contractStatus"]["enhancedStatus"]) == ("active", "executed")
    assert signed["lastUpdated"] > unsigned["lastUpdated"]
    assert [(entry["principal"], entry["operation"]) for entry in ironclad.journal()] == [("clm-user", "sign")]


def test_a_terminated_contract_is_inactive(firm: Served, clm: Client) -> None:
    firm.control("terminate/IC-101", {})
    assert contract(clm)["contractStatus"]["status"] == "inactive"


def test_a_persons_edit_is_seen_by_polling(firm: Served, clm: Client) -> None:
    firm.control("edit/IC-101", {"properties": {"counterpartyName": {"type": "string", "value": "Hanse SE"}}})
    listed = clm.get("/records", params={"lastUpdated": "2026-11-01T00:00:00Z"}).json()["list"]
    assert [record["properties"]["counterpartyName"]["value"] for record in listed] == ["Hanse SE"]


def test_the_hub_can_leave_its_key_at_a_record_and_find_it_by_it(firm: Served, clm: Client) -> None:
    key = {"integrationKey": {"type": "string", "value": "con_1"}}
    assert clm.patch("/records/IC-101", json={"addProperties": key}).status_code == 200
    assert clm.get("/records", params={"filter": "Equals([integrationKey], 'con_1')"}).json()["count"] == 1
    entry = firm.journal()[0]
    assert (entry["principal"], entry["operation"]) == ("tieline/hub@northwind.example", "update_record")


def test_a_record_is_created_with_200_under_its_parent_and_deleted_without_a_body(firm: Served, clm: Client) -> None:
    new = {"type": "servicesAmendment", "name": "Amendment 2", "properties": {}}
    parent = {"recordId": "IC-101", "parentLinkType": "amendment"}
    created = clm.post("/records", json={**new, "parent": parent})
    assert created.status_code == 200
    assert created.json()["parentId"] == contract(clm)["id"]
    assert contract(clm)["amendments"] == ["IC-103", created.json()["ironcladId"]]
    deleted = clm.delete(f"/records/{created.json()['id']}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert clm.get(f"/records/{created.json()['id']}").json() == {"code": "NOT_FOUND", "message": "record not found"}


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"type": "lease", "name": "x", "properties": {}}, "type"),
        ({"type": "servicesAgreement", "name": "x", "properties": {"hue": {}}}, "properties.hue"),
        (
            {"type": "servicesAgreement", "name": "x", "properties": {"taxCode": {"type": "number", "value": 1}}},
            "properties.taxCode.type",
        ),
        (
            {
                "type": "servicesAgreement",
                "name": "x",
                "properties": {"effectiveDate": {"type": "date", "value": "1/2/26"}},
            },
            "properties.effectiveDate.value",
        ),
        ({"type": "servicesAgreement", "properties": {}}, "name"),
    ],
)
def test_what_the_company_has_not_set_up_is_refused(
    firm: Served, clm: Client, given: dict[str, Any], param: str
) -> None:
    refused = clm.post("/records", json=given)
    assert (refused.status_code, refused.json()["param"]) == (400, param)
    assert firm.journal() == []


def test_an_unknown_parameter_of_an_edit_is_refused(firm: Served, clm: Client) -> None:
    refused = clm.patch("/records/IC-101", json={"properties": {}})
    assert refused.json() == {"code": "INVALID_PARAM", "message": "unknown parameter properties", "param": "properties"}


def test_a_token_dies_after_its_time_and_says_so(firm: Served, clm: Client) -> None:
    firm.advance(3601)
    refused = clm.get("/records")
    assert (refused.status_code, refused.json()) == (401, {"code": "UNAUTHORIZED", "message": "token has expired"})


def test_F10_a_token_may_die_in_the_middle_and_a_new_one_works(firm: Served, clm: Client) -> None:
    firm.faults([{"match": {"nth": 2}, "fault": {"code": "F10"}}])
    assert [clm.get("/records").status_code for _ in range(3)] == [200, 401, 401]
    token = httpx2.post(firm.url + "/oauth/token", json=FORM).json()["access_token"]
    assert clm.get("/records", headers={"authorization": f"Bearer {token}"}).status_code == 200


def test_a_call_without_token_or_without_user_is_refused(firm: Served, clm: Client) -> None:
    url = firm.url + "/public/api/v1/records"
    assert httpx2.get(url).json()["message"] == "invalid authentication token"
    refused = httpx2.get(url, headers={"authorization": clm.headers["authorization"]})
    assert (refused.status_code, refused.json()["code"]) == (400, "MISSING_PARAM")


def test_wrong_credentials_get_no_token(ironclad: Served) -> None:
    wrong = httpx2.post(ironclad.url + "/oauth/token", data={**FORM, "client_secret": "x"})
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    basic = httpx2.post(ironclad.url + "/oauth/token", data={"grant_type": FORM["grant_type"]}, auth=("tieline", "x"))
    assert basic.status_code == 401
    other = httpx2.post(ironclad.url + "/oauth/token", data={**FORM, "grant_type": "password"})
    assert (other.status_code, other.json()["error"]) == (403, "unauthorized_client")


def test_F6_a_refusal_may_call_itself_200(firm: Served, clm: Client) -> None:
    firm.faults([{"fault": {"code": "F6", "detail": {"code": "LOCKED"}}}])
    answer = clm.patch("/records/IC-101", json={"name": "x"})
    assert (answer.status_code, answer.json()["code"]) == (200, "LOCKED")
    assert firm.journal() == []


def test_more_writes_than_the_limit_are_throttled_until_the_next_minute(tmp_path: Path) -> None:
    with served("ironclad", tmp_path, limits="on") as twin:
        twin.control("clock", {"at": "2026-03-01T08:00:00+00:00"})
        token = httpx2.post(twin.url + "/oauth/token", data=FORM).json()["access_token"]
        headers = {"authorization": f"Bearer {token}", "x-as-user-email": "hub@northwind.example"}
        with Client(base_url=twin.url + "/public/api/v1", headers=headers) as clm:
            statuses = [clm.delete("/records/IC-1").status_code for _ in range(201)]
            assert statuses == [404] * 200 + [429]
            assert clm.get("/records").status_code == 200, "reads have a limit of their own"
            twin.advance(60)
            assert clm.delete("/records/IC-1").status_code == 404

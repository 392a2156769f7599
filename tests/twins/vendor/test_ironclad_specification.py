"""The Ironclad twin against the vendor's OpenAPI file and recorded exchanges, read from TIELINE_VENDOR_SPECS."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from httpx2 import Client, Response
from jsonschema import Draft202012Validator

import tieline.twins.ironclad
from tieline.twins.process import Served

FOLDER = Path(os.environ["TIELINE_VENDOR_SPECS"]) / "ironclad"
SAMPLES = Path(tieline.twins.ironclad.__file__).parent / "samples"
TARGET = {"targetURL": "https://hub.northwind.example/hooks", "events": ["workflow_completed"]}


@pytest.fixture(scope="module")
def specification() -> dict[str, Any]:
    text = (FOLDER / "ironclad-public-api.openapi.yaml").read_text()
    loaded: dict[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)
    return loaded


@pytest.fixture
def firm(ironclad: Served) -> Served:
    records = [json.loads(path.read_text()) for path in sorted(SAMPLES.glob("contract*.json"))]
    records.append(json.loads((SAMPLES / "amendment_of_a_rate.json").read_text()))
    ironclad.control("seed", {"records": records})
    return ironclad


def faults(specification: dict[str, Any], path: str, method: str, answer: Response) -> list[str]:
    """What the specification holds against an answer; an undeclared status is a fault of its own."""
    declared = specification["paths"][path][method]["responses"]
    known = declared.get(str(answer.status_code))
    if known is None:
        return [f"{method} {path} does not declare {answer.status_code}"]
    if "$ref" in known:
        known = specification["components"]["responses"][known["$ref"].rsplit("/", 1)[1]]
    if answer.status_code == 204 or "application/json" not in known.get("content", {}):
        return [] if answer.status_code != 204 or answer.content == b"" else ["204 with a body"]
    schema = {"components": specification["components"], **known["content"]["application/json"]["schema"]}
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(answer.json())]


def shape(value: object) -> object:
    """Keys and JSON types; of a list, the first element's."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def recorded(name: str, method: str) -> dict[str, Any]:
    exchanges = json.loads((FOLDER / "recordings" / f"{name}.json").read_text())["api"][method]
    exchange: dict[str, Any] = next(iter(exchanges.values()))
    return exchange


@pytest.mark.parametrize("as_object", ["true", "false"])
def test_every_answer_about_records_is_as_the_specification_says(
    firm: Served, clm: Client, specification: dict[str, Any], as_object: str
) -> None:
    asked = {"addressAsObject": as_object}
    new = {"type": "servicesAgreement", "name": "New", "properties": {}}
    created = clm.post("/records", json=new)
    one = f"/records/{created.json()['id']}"
    exchanges = [
        ("/records", "get", clm.get("/records", params=asked)),
        ("/records/{id}", "get", clm.get("/records/IC-101", params=asked)),
        ("/records/{id}", "get", clm.get("/records/IC-103", params=asked)),
        ("/records", "post", created),
        ("/records", "post", clm.post("/records", json={**new, "type": "unknown"})),
        ("/records/{id}", "put", clm.put(one, json={**new, "name": "Newer"})),
        ("/records/{id}", "patch", clm.patch(one, json={"name": "Newest"})),
        ("/records/{id}", "patch", clm.patch(one, json={"colour": "red"})),
        ("/records/{id}", "delete", clm.delete(one)),
        ("/records/metadata", "get", clm.get("/records/metadata")),
    ]
    assert [fault for path, method, answer in exchanges for fault in faults(specification, path, method, answer)] == []


def test_every_answer_about_webhooks_is_as_the_specification_says(
    firm: Served, clm: Client, specification: dict[str, Any]
) -> None:
    created, twice = (clm.post("/webhooks", json=TARGET) for _ in range(2))
    one = f"/webhooks/{created.json()['id']}"
    exchanges = [
        ("/webhooks", "post", created),
        ("/webhooks", "get", clm.get("/webhooks")),
        ("/webhooks/{id}", "get", clm.get(one)),
        ("/webhooks/{id}", "patch", clm.patch(one, json={"status": "disabled"})),
        ("/webhooks/verification-key", "get", clm.get("/webhooks/verification-key")),
        ("/webhooks/{id}", "delete", clm.delete(one)),
    ]
    found = [fault for path, method, answer in exchanges for fault in faults(specification, path, method, answer)]
    assert found == []
    # The file joins its two refusals with oneOf although every refusal fits both: each is checked alone.
    schema = specification["components"]["schemas"]["WebhookTargetURLExistsBadRequestResponse"]
    Draft202012Validator(schema).validate(twice.json())
    assert (twice.status_code, set(twice.json())) == (400, set(schema["properties"]))


def test_a_token_is_as_the_specification_says(ironclad: Served) -> None:
    text = (FOLDER / "ironclad-oauth2.openapi.yaml").read_text()
    schemas = yaml.load(text, Loader=yaml.CSafeLoader)["components"]["schemas"]
    form = {"grant_type": "client_credentials", "client_id": "tieline", "client_secret": "tieline-secret"}
    with Client(base_url=ironclad.url) as client:
        granted = client.post("/oauth/token", json={**form, "scope": "public.records.readRecords"}).json()
        expired = client.get("/public/api/v1/records", headers={"authorization": "Bearer x"}).json()
    Draft202012Validator(schemas["ClientCredentialsGrantTokenResponse"]).validate(granted)
    assert set(expired) == set(schemas["InvalidTokenError"]["properties"])


def test_the_twin_knows_only_events_that_the_vendor_knows(clm: Client, specification: dict[str, Any]) -> None:
    vendors = set(specification["components"]["schemas"]["WebhookEvent"]["enum"])
    ours = clm.post("/webhooks", json={**TARGET, "events": ["?"]}).json()["message"]
    named = set(ours.removeprefix("invalid event type; ").removesuffix(" are acceptable event types").split(", "))
    assert named <= vendors


def test_a_record_has_the_keys_that_recorded_records_have(firm: Served, clm: Client) -> None:
    theirs = recorded("list-records", "get")["response"]
    ours = clm.get("/records", params={"pageSize": "20"}).json()
    assert set(shape(theirs)) == set(shape(ours))  # type: ignore[call-overload]
    record = {key: type(value).__name__ for key, value in ours["list"][0].items()}
    assert {key: type(value).__name__ for key, value in theirs["list"][0].items()}.items() <= record.items()


def test_a_recorded_registration_replayed_to_the_twin_gives_the_same_shape(clm: Client) -> None:
    exchange = recorded("create-webhook", "post")
    answer = clm.post("/webhooks", json=exchange["request"]["data"])
    assert shape(answer.json()) == shape(exchange["response"])
    change = recorded("update-webhook", "patch")["request"]["data"]
    assert clm.patch(f"/webhooks/{answer.json()['id']}", json=change).json()["events"] == change["events"]
    key = recorded("get-webhook-verification-key", "get")
    ours = clm.get("/webhooks/verification-key")
    assert key["headers"]["content-type"].startswith(ours.headers["content-type"].split(";")[0])
    assert ours.text.splitlines()[0] == key["response"].splitlines()[0]


@pytest.mark.parametrize(("name", "path"), [("delete-webhook", "/webhooks"), ("delete-record", "/records")])
def test_a_recorded_deletion_has_no_body_and_neither_has_ours(firm: Served, clm: Client, name: str, path: str) -> None:
    created = clm.post(path, json={**TARGET, "type": "servicesAgreement", "name": "x", "properties": {}}).json()
    answer = clm.delete(f"{path}/{created['id']}")
    exchange = recorded(name, "delete")
    assert (answer.status_code, answer.text) == (exchange["status"], exchange["response"])

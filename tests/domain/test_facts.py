"""The catalogue of business events: every type has a closed schema, a fresh page and a valid example."""

import json
from datetime import UTC, datetime
from typing import Any

import jsonschema_rs
import pytest

from tieline.domain.envelopes import EventFrame, envelope
from tieline.domain.fact_examples import EXAMPLES
from tieline.domain.fact_schemas import schema_of, validate
from tieline.domain.facts import CATALOGUE, fact_of_record, payload, type_of
from tieline.kit.errors import Rejected

from .reference import EVENTS, pages

BY_TYPE: dict[str, Any] = {type_of(event): payload(event) for event in EXAMPLES}


def test_the_committed_pages_are_fresh_and_no_page_is_left_over() -> None:
    for path, text in pages().items():
        assert path.read_text(encoding="utf-8") == text, f"run `python tests/domain/reference.py`: {path.name} is stale"
    assert {path.stem for path in EVENTS.glob("*.json")} == set(CATALOGUE)


def test_every_event_type_has_an_example() -> None:
    assert set(BY_TYPE) == set(CATALOGUE)


@pytest.mark.parametrize("event_type", sorted(CATALOGUE))
def test_the_example_of_an_event_has_the_shape_of_its_schema(event_type: str) -> None:
    schema = json.loads((EVENTS / f"{event_type}.json").read_text(encoding="utf-8"))
    jsonschema_rs.meta.validate(schema)
    jsonschema_rs.Draft202012Validator(schema, validate_formats=True).validate(BY_TYPE[event_type])
    validate(event_type, BY_TYPE[event_type])


@pytest.mark.parametrize("event_type", sorted(CATALOGUE))
def test_an_unknown_member_is_refused_when_writing(event_type: str) -> None:
    with pytest.raises(Rejected) as caught:
        validate(event_type, {**BY_TYPE[event_type], "surprise": 1})
    assert "surprise" in caught.value.detail


def test_an_event_that_is_not_in_the_catalogue_is_refused() -> None:
    with pytest.raises(Rejected, match="no business event"):
        validate("dev.tieline.contract.exploded.v1", {})


def test_all_faults_of_an_event_are_named_with_their_paths() -> None:
    broken = {
        **BY_TYPE["dev.tieline.invoice.posted.v1"],
        "total": {"amount": 1904.0, "currency": "EUR"},
        "system": None,
    }
    with pytest.raises(Rejected) as caught:
        validate("dev.tieline.invoice.posted.v1", broken)
    assert {fault.path for fault in caught.value.faults} == {"/total/amount", "/system"}


def test_M6_an_amount_as_a_number_is_refused_because_it_may_be_a_float() -> None:
    charge = BY_TYPE["dev.tieline.charge.minted.v1"]
    with pytest.raises(Rejected):
        validate("dev.tieline.charge.minted.v1", {**charge, "hours": 8.0})


def test_types_are_reverse_dns_with_the_major_version_and_schemas_carry_the_full_one() -> None:
    for entry in CATALOGUE.values():
        assert entry.type == f"dev.tieline.{entry.name}.v1"
        assert schema_of(entry)["$id"].endswith(f"{entry.name}/1.0")


@pytest.mark.parametrize(
    ("kind", "doc", "name"),
    [
        ("contract", {"state": "signed"}, "contract.signed"),
        ("contract", {"state": "in_approval"}, "contract.recorded"),
        ("contract", {"state": "terminated"}, "contract.terminated"),
        ("amendment", {"signed_at": None}, "amendment.recorded"),
        ("amendment", {"signed_at": "2026-03-10T09:00:00Z"}, "amendment.signed"),
        ("time_entry", {"state": "approved"}, "time_entry.approved"),
        ("time_entry", {"state": "rejected"}, "time_entry.recorded"),
        ("client_record", {}, "client.recorded"),
        ("contract_approval", {}, "contract.approved"),
        ("invoice_request", {}, "invoice.requested"),
    ],
)
def test_every_accepted_record_version_is_an_event_of_the_catalogue(kind: str, doc: dict[str, Any], name: str) -> None:
    assert fact_of_record(kind, doc) == f"dev.tieline.{name}.v1" and f"dev.tieline.{name}.v1" in CATALOGUE


def test_an_envelope_carries_what_every_reader_may_rely_on() -> None:
    moment = datetime(2026, 3, 10, 9, tzinfo=UTC)
    frame = EventFrame(
        id="0195",
        tenant="northwind",
        system="ironclad",
        type="dev.tieline.contract.signed.v1",
        subject="con_100",
        occurred_at=moment,
        recorded_at=moment,
        correlation_id="c1",
        partition_key="contract:con_100",
        sequence=7,
        legal_entity="DE01",
    )
    written = envelope(frame, BY_TYPE[frame.type])
    assert written["specversion"] == "1.0" and written["source"] == "/tenants/northwind/systems/ironclad"
    assert written["time"] == "2026-03-10T09:00:00Z" and written["dataschema"].endswith("contract.signed/1.0")
    assert "causationid" not in written
    assert all(name.islower() and name.isalnum() and len(name) <= 20 for name in written)

"""Deliveries of the Ironclad twin: signed, retried, and broken in every way that a receiver must survive."""

from __future__ import annotations

from typing import Any

import pytest
from httpx2 import Client
from twin_hooks import Receiver, signature_holds

from tieline.twins.process import Served

EVENT = "record_contract_status_changed"


@pytest.fixture
def hook(clm: Client, receiver: Receiver) -> dict[str, Any]:
    answer = clm.post("/webhooks", json={"targetURL": receiver.url, "events": [EVENT, "workflow_completed"]})
    assert answer.status_code == 201
    hook: dict[str, Any] = answer.json()
    return hook


def unsigned(twin: Served, name: str = "Data platform") -> str:
    """A contract that waits for its last signature; returns its record id."""
    seeded = twin.control("seed", {"records": [{"type": "servicesAgreement", "name": name, "properties": {}}]})
    return str(seeded["records"][0]["id"])


def sign(twin: Served, record_id: str, **options: object) -> None:
    twin.control(f"sign/{record_id}", options)


def break_deliveries(twin: Served, code: str, **parameters: object) -> None:
    twin.faults([{"match": {"method": "HOOK"}, "fault": {"code": code, **parameters}, "times": 1}])


def key_of(clm: Client) -> bytes:
    return clm.get("/webhooks/verification-key").content


def test_a_signature_sends_ids_only_and_is_provable_with_the_published_key(
    ironclad: Served, clm: Client, receiver: Receiver, hook: dict[str, Any]
) -> None:
    record_id = unsigned(ironclad)
    sign(ironclad, record_id, at="2026-02-20T14:05:00Z")
    arrived = receiver.next()
    assert arrived.event["payload"] == {"event": EVENT, "recordID": record_id}
    assert (arrived.event["webhookID"], arrived.event["companyID"]) == (hook["id"], hook["companyId"])
    assert signature_holds(arrived, key_of(clm))
    record = clm.get(f"/records/{record_id}").json()
    assert record["properties"]["agreementDate"]["value"] == "2026-02-20T14:05:00Z"
    assert record["contractStatus"]["status"] == "active"


def test_a_receiver_gets_only_the_events_that_it_asked_for(
    ironclad: Served, clm: Client, receiver: Receiver, hook: dict[str, Any]
) -> None:
    clm.patch(f"/webhooks/{hook['id']}", json={"events": ["workflow_completed"]})
    record_id = unsigned(ironclad)
    sign(ironclad, record_id, events=[EVENT, "workflow_completed"])
    assert receiver.next().event["payload"]["event"] == "workflow_completed"
    assert len(ironclad.control("deliveries")["deliveries"]) == 1


def test_a_delivery_is_repeated_with_the_same_event_id_until_it_is_accepted(
    ironclad: Served, clm: Client, receiver: Receiver, hook: dict[str, Any]
) -> None:
    receiver.statuses = [503, 404]
    sign(ironclad, unsigned(ironclad))
    first, second, third = receiver.next(), receiver.next(), receiver.next()
    assert first.event_id == second.event_id == third.event_id
    assert first.raw == third.raw


def test_a_receiver_that_says_gone_is_disabled_at_once_and_can_be_enabled_again(
    ironclad: Served, clm: Client, receiver: Receiver, hook: dict[str, Any]
) -> None:
    receiver.statuses = [410]
    sign(ironclad, unsigned(ironclad))
    receiver.next()
    while (state := clm.get(f"/webhooks/{hook['id']}").json())["status"] == "enabled":
        assert state["consecutiveFailureCount"] <= 1
    assert (state["status"], state["statusLastUpdatedBy"]) == ("disabledBySystem", "system")
    sign(ironclad, unsigned(ironclad))
    assert [sent["state"] for sent in ironclad.control("deliveries")["deliveries"]] == ["gone"]
    assert clm.patch(f"/webhooks/{hook['id']}", json={"status": "enabled"}).json()["consecutiveFailureCount"] == 0
    sign(ironclad, unsigned(ironclad))
    assert receiver.next().event["payload"]["event"] == EVENT


def test_F18_an_event_may_arrive_several_times_under_one_id(
    ironclad: Served, receiver: Receiver, hook: dict[str, Any]
) -> None:
    break_deliveries(ironclad, "F18", copies=5)
    sign(ironclad, unsigned(ironclad))
    assert len({receiver.next().event_id for _ in range(5)}) == 1


def test_F19_a_later_event_may_overtake_an_earlier_one(
    ironclad: Served, receiver: Receiver, hook: dict[str, Any]
) -> None:
    first, second = unsigned(ironclad), unsigned(ironclad)
    break_deliveries(ironclad, "F19", behind=1)
    sign(ironclad, first)
    sign(ironclad, second)
    assert [receiver.next().event["payload"]["recordID"] for _ in range(2)] == [second, first]


def test_F20_an_event_may_never_be_sent(ironclad: Served, receiver: Receiver, hook: dict[str, Any]) -> None:
    lost, told = unsigned(ironclad), unsigned(ironclad)
    break_deliveries(ironclad, "F20")
    sign(ironclad, lost)
    sign(ironclad, told)
    assert receiver.next().event["payload"]["recordID"] == told
    assert ironclad.control("deliveries")["deliveries"][0]["state"] == "dropped"


@pytest.mark.parametrize("shape", ["half_body", "wrong_signature"])
def test_F21_half_a_body_and_a_wrong_signature_fail_the_check(
    ironclad: Served, clm: Client, receiver: Receiver, hook: dict[str, Any], shape: str
) -> None:
    break_deliveries(ironclad, "F21", shape=shape)
    sign(ironclad, unsigned(ironclad))
    assert not signature_holds(receiver.next(), key_of(clm))


def test_F21_a_replay_with_an_old_time_is_signed_correctly(
    ironclad: Served, clm: Client, receiver: Receiver, hook: dict[str, Any]
) -> None:
    break_deliveries(ironclad, "F21", shape="old_timestamp")
    sign(ironclad, unsigned(ironclad))
    arrived = receiver.next()
    assert signature_holds(arrived, key_of(clm))
    assert arrived.event["timestamp"] < ironclad.control("deliveries")["deliveries"][0]["at"]


def test_F21_a_delivery_may_break_off_in_the_middle_and_come_again_in_full(
    ironclad: Served, receiver: Receiver, hook: dict[str, Any]
) -> None:
    break_deliveries(ironclad, "F21", shape="cut")
    sign(ironclad, unsigned(ironclad))
    arrived = receiver.next()
    assert len(arrived.raw) < int(arrived.headers["announced"])


def test_F22_a_burst_sends_many_events_of_their_own_at_once(
    ironclad: Served, receiver: Receiver, hook: dict[str, Any]
) -> None:
    break_deliveries(ironclad, "F22", copies=200)
    sign(ironclad, unsigned(ironclad))
    assert len({receiver.next().event_id for _ in range(200)}) == 200


def test_F24_an_event_may_arrive_before_its_record_can_be_read(
    ironclad: Served, clm: Client, receiver: Receiver, hook: dict[str, Any]
) -> None:
    record_id = unsigned(ironclad)
    break_deliveries(ironclad, "F24", lag_s=60)
    sign(ironclad, record_id)
    assert receiver.next().event["payload"]["recordID"] == record_id
    assert clm.get(f"/records/{record_id}").status_code == 404
    assert clm.get("/records").json()["count"] == 0
    ironclad.advance(61)
    assert clm.get(f"/records/{record_id}").status_code == 200


def test_an_event_that_was_not_delivered_when_the_twin_was_killed_is_delivered_after_its_restart(
    ironclad: Served, receiver: Receiver, hook: dict[str, Any]
) -> None:
    receiver.statuses = [503] * 3
    sign(ironclad, unsigned(ironclad))
    first = receiver.next()
    ironclad.kill()
    ironclad.start()
    assert receiver.next().event_id == first.event_id


def test_a_target_has_one_registration_and_needs_https_unless_it_is_on_this_machine(
    clm: Client, hook: dict[str, Any]
) -> None:
    again = clm.post("/webhooks", json={"targetURL": hook["targetURL"], "events": [EVENT]})
    assert (again.status_code, again.json()["code"]) == (400, "INVALID_PARAM")
    plain = clm.post("/webhooks", json={"targetURL": "http://hub.northwind.example/hooks", "events": [EVENT]})
    assert plain.json()["param"] == "targetURL"
    unknown = clm.post("/webhooks", json={"targetURL": "https://a.example", "events": ["contract_signed"]})
    assert unknown.json()["param"] == "events"


def test_a_deleted_registration_receives_nothing_more(
    ironclad: Served, clm: Client, receiver: Receiver, hook: dict[str, Any]
) -> None:
    assert clm.delete(f"/webhooks/{hook['id']}").status_code == 204
    assert clm.get("/webhooks").json()["list"] == []
    sign(ironclad, unsigned(ironclad))
    assert ironclad.control("deliveries")["deliveries"] == []

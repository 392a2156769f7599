"""The mailbox counts every arrival and takes only what is signed with its secret, on its own clock."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx2
import pytest
from standardwebhooks.webhooks import Webhook

from tieline.twins.process import Served, served

SECRET = "whsec_" + base64.b64encode(b"thirty-two bytes of shared secret").decode()
EVENT = {"specversion": "1.0", "id": "ntc_1", "type": "dev.tieline.invoice.posted.v1", "data": {"invoice_id": "inv_1"}}


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served("mailbox", tmp_path_factory.mktemp("mailbox"), secret=SECRET) as twin:
        yield twin


@pytest.fixture
def mailbox(process: Served) -> Served:
    process.heal()
    process.control("reset", {})
    return process


def sent(twin: Served, event: object = EVENT, message_id: str = "m-1", at: datetime | None = None) -> int:
    moment, body = at or datetime.now(UTC), json.dumps(event)
    headers = {
        "content-type": "application/cloudevents+json", "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(SECRET).sign(message_id, moment, body),
    }  # fmt: skip
    return httpx2.post(f"{twin.url}/notices", content=body, headers=headers).status_code


def test_what_is_signed_well_is_kept_and_stated_once(mailbox: Served) -> None:
    assert sent(mailbox) == 204
    (entry,) = mailbox.journal()
    assert (entry["operation"], entry["kind"], entry["natural_key"]) == ("receive", EVENT["type"], "ntc_1")
    assert (entry["idempotency_key"], entry["payload"], entry["principal"]) == ("m-1", EVENT, "signed")


def test_a_double_keeps_nothing_and_does_not_go_unseen(mailbox: Served) -> None:
    assert [sent(mailbox), sent(mailbox)] == [204, 204]
    assert [entry["operation"] for entry in mailbox.journal()] == ["receive", "double"]
    assert len(httpx2.get(f"{mailbox.url}/notices").json()["items"]) == 1


@pytest.mark.parametrize("changed", ["webhook-signature", "webhook-timestamp", "webhook-id"])
def test_a_message_whose_signature_does_not_fit_is_not_taken(mailbox: Served, changed: str) -> None:
    moment, body = datetime.now(UTC), json.dumps(EVENT)
    headers = {
        "webhook-id": "m-1", "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("m-1", moment, body),
    }  # fmt: skip
    others = {
        "webhook-id": "m-2", "webhook-timestamp": str(int(moment.timestamp()) - 1),
        "webhook-signature": "v1," + base64.b64encode(bytes(32)).decode(),
    }  # fmt: skip
    headers[changed] = others[changed]
    assert httpx2.post(f"{mailbox.url}/notices", content=body, headers=headers).status_code == 401
    assert mailbox.journal() == []


def test_a_message_is_old_by_the_mailboxs_own_clock(mailbox: Served) -> None:
    signed_at = datetime.now(UTC)
    mailbox.advance(290)
    assert sent(mailbox, message_id="m-1", at=signed_at) == 204
    mailbox.advance(20)
    assert sent(mailbox, message_id="m-2", at=signed_at) == 401
    assert [entry["idempotency_key"] for entry in mailbox.journal()] == ["m-1"]


@pytest.mark.parametrize("event", [[], {"id": "ntc_1"}, {"type": 7}, "text"])
def test_what_is_no_cloud_event_is_refused(mailbox: Served, event: object) -> None:
    assert sent(mailbox, event) == 400
    assert mailbox.journal() == []


def test_a_message_without_an_id_is_refused_since_doubles_could_not_be_told(mailbox: Served) -> None:
    assert httpx2.post(f"{mailbox.url}/notices", json=EVENT).status_code == 400


def test_F1_a_message_whose_answer_was_lost_was_taken(mailbox: Served) -> None:
    mailbox.faults([{"match": {"method": "POST"}, "fault": {"code": "F1", "hold_s": 0}, "times": 1}])
    with pytest.raises(httpx2.TransportError):
        sent(mailbox)
    assert len(mailbox.journal()) == 1


def test_what_was_answered_for_is_there_after_a_kill(mailbox: Served) -> None:
    sent(mailbox)
    mailbox.kill()
    mailbox.start()
    assert sent(mailbox) == 204
    assert [entry["operation"] for entry in mailbox.journal()] == ["receive", "double"]

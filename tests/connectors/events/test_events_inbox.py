"""The inbox: only signed, timely, complete and exact documents come in, and a refusal names every fault."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from tieline import sdk
from tieline.connectors.events.connector import EventsInbox
from tieline.connectors.events.settings import EventsSettings

NOW = datetime(2026, 3, 9, 17, 0, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"a" * 32).decode()
OLD = "whsec_" + base64.b64encode(b"b" * 32).decode()
ENTRY = {
    "id": "te-1",
    "contract_id": "con_1",
    "line_id": "lin_1",
    "resource_id": "r-7",
    "work_date": "2026-03-09",
    "hours": "7.10",
    "state": "approved",
    "approved_by": "lead@northwind.example",
    "approved_at": "2026-03-09T16:58:00Z",
    "narrative": "Data model",
}


class NoHttp:
    async def request(self, method: str, path: str, **options: Any) -> sdk.Answer:
        raise AssertionError("an inbox calls nobody")


def inbox(*secrets: str, sources: tuple[str, ...] = ()) -> EventsInbox:
    names = ("signing_secret", "previous_signing_secret")
    held = {name: sdk.Secret(text) for name, text in zip(names, secrets or (SECRET,), strict=False)}
    return EventsInbox(EventsSettings(signing_secret_ref="env:X", sources=sources), NoHttp(), held, {})


def event(data: dict[str, Any] | None = None, **changes: Any) -> bytes:
    document = {
        "specversion": "1.0",
        "id": "4d0c",
        "source": "/northwind/psa",
        "type": "dev.tieline.time_entry.approved.v1",
        "time": "2026-03-09T17:00:00Z",
        "data": ENTRY if data is None else data,
    }
    return json.dumps({**document, **changes}).encode()


def signed(body: bytes, secret: str = SECRET, message_id: str = "msg_1", at: datetime = NOW) -> dict[str, str]:
    signature = Webhook(secret).sign(message_id, at, body.decode(errors="replace"))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
    }


def change_of(body: bytes) -> sdk.Change:
    (found,) = inbox().verify(signed(body), body, NOW)
    item = sdk.SourceItem(topic=found.topic, source_id=found.source_id, source_version="", body=found.body)
    (change,) = inbox().changes(item)
    return change


def test_an_approved_time_entry_arrives_whole_and_exact() -> None:
    change = change_of(event())
    assert (change.kind, change.id, change.lane) == ("time_entry", "te-1", "contract:con_1")
    assert change.fact == "dev.tieline.time_entry.approved.v1" and change.doc["hours"] == "7.10"
    assert sdk.restore(change.doc, sdk.TimeEntry).hours == Decimal("7.10")


def test_a_contract_approval_and_an_invoice_request_arrive() -> None:
    approval = {"id": "a-1", "contract_id": "con_1", "approved_by": "cfo", "approved_at": "2026-03-01T09:00:00+01:00"}
    asked = {
        "id": "q-1",
        "contract_id": "con_1",
        "through": "2026-03-31",
        "invoice_date": "2026-04-01",
        "requested_by": "pm",
    }
    assert change_of(event(approval, type="dev.tieline.contract.approved.v1")).kind == "contract_approval"
    assert change_of(event(asked, type="dev.tieline.invoice.requested.v1")).kind == "invoice_request"


def test_a_purchase_order_stands_by_itself_because_several_contracts_share_it() -> None:
    order = {"id": "po-1", "number": "4500", "client_id": "cl-1", "amount": {"amount": "20000.00", "currency": "EUR"}}
    change = change_of(event(order, type="dev.tieline.purchase_order.recorded.v1"))
    assert (change.kind, change.lane) == ("purchase_order", "purchase_order:po-1")
    assert sdk.restore(change.doc, sdk.PurchaseOrder).amount == sdk.Money.of("20000.00", "EUR")


@pytest.mark.parametrize(
    "amount", ["20000", {"amount": 20000, "currency": "EUR"}, {"amount": "0", "currency": "EUR"}, None]
)
def test_M6_an_order_without_an_exact_amount_is_rejected(amount: object) -> None:
    order = {"id": "po-1", "number": "4500", "client_id": "cl-1", "amount": amount}
    with pytest.raises(sdk.Rejected, match="/data/amount"):
        change_of(event(order, type="dev.tieline.purchase_order.recorded.v1"))


def test_D3_a_retry_has_the_same_key_and_a_correction_a_later_version() -> None:
    (first,), (again,) = (inbox().verify(signed(event()), event(), NOW) for _ in range(2))
    assert first.dedup == again.dedup == "msg_1"
    assert change_of(event()).source_version < change_of(event(time="2026-03-09T18:30:00+01:00")).source_version


def test_all_faults_of_a_document_are_named_at_once() -> None:
    wrong = {**ENTRY, "hours": 7.1, "work_date": "9 March", "approved_at": "2026-03-09T16:58:00", "color": "red"}
    del wrong["line_id"]
    body = event(wrong, time="yesterday")
    with pytest.raises(sdk.Rejected) as raised:
        inbox().verify(signed(body), body, NOW)
    assert sorted(fault.path for fault in raised.value.faults) == [
        "/data/approved_at",
        "/data/color",
        "/data/hours",
        "/data/line_id",
        "/data/work_date",
        "/time",
    ]


@pytest.mark.parametrize("hours", ["NaN", "24.01", "-25", "seven", "", None, 8, "1e400"])
def test_M6_hours_that_are_not_an_exact_part_of_a_day_are_rejected(hours: object) -> None:
    body = event({**ENTRY, "hours": hours})
    with pytest.raises(sdk.Rejected, match="/data/hours"):
        inbox().verify(signed(body), body, NOW)


def test_an_entry_that_is_not_approved_is_not_an_approval() -> None:
    body = event({**ENTRY, "state": "submitted"})
    with pytest.raises(sdk.Rejected, match="must be approved"):
        inbox().verify(signed(body), body, NOW)


@pytest.mark.parametrize("identifier", ["", "a/b", "x" * 65, "a\u202eb", "a b"])
def test_X22_an_identifier_is_plain(identifier: str) -> None:
    body = event({**ENTRY, "contract_id": identifier})
    with pytest.raises(sdk.Rejected, match="/data/contract_id"):
        inbox().verify(signed(body), body, NOW)


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{", b"{}", b"null", event(type="dev.tieline.ledger.erased.v1"), event(specversion="2.0"), b"[" * 9999],
)
def test_a_signed_message_of_another_shape_is_rejected(body: bytes) -> None:
    with pytest.raises(sdk.Rejected):
        inbox().verify(signed(body), body, NOW)


@pytest.mark.parametrize(
    "case", ["foreign", "empty", "other bytes", "other id", "no headers", "version", "dotted id", "utf-8"]
)
def test_X27_an_unsigned_or_foreign_message_is_refused(case: str) -> None:
    body, given = event(), signed(event())
    if case == "foreign":
        given = signed(body, OLD)
    elif case == "empty":
        given["webhook-signature"] = ""
    elif case == "other bytes":
        body = body.replace(b"7.10", b"9.10")
    elif case == "other id":
        given["webhook-id"] = "msg_2"
    elif case == "no headers":
        given = {}
    elif case == "version":
        given["webhook-signature"] = given["webhook-signature"].replace("v1,", "v0,")
    elif case == "dotted id":
        given = signed(body, message_id="msg.1")
    else:
        body = b"\xff" + body
        given = signed(body)
    with pytest.raises(sdk.NotAllowed):
        inbox().verify(given, body, NOW)


@pytest.mark.parametrize("minutes", [-6, 6])
def test_X28_a_message_outside_five_minutes_is_refused(minutes: int) -> None:
    with pytest.raises(sdk.NotAllowed, match="five minutes"):
        inbox().verify(signed(event()), event(), NOW + timedelta(minutes=minutes))


def test_X29_during_a_change_of_secret_both_count_and_afterwards_only_the_new_one() -> None:
    assert inbox(SECRET, OLD).verify(signed(event(), OLD), event(), NOW)
    assert inbox(SECRET, OLD).verify(signed(event()), event(), NOW)
    with pytest.raises(sdk.NotAllowed):
        inbox(SECRET).verify(signed(event(), OLD), event(), NOW)


def test_several_signatures_in_one_header_are_understood() -> None:
    given = signed(event())
    given["webhook-signature"] = "v1,AAAA v1a,xyz " + given["webhook-signature"]
    assert inbox().verify(given, event(), NOW)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_c2hvcnQ=", "hunter2", ""])
def test_X38_a_weak_secret_accepts_nothing(secret: str) -> None:
    with pytest.raises(sdk.CredentialInvalid):
        inbox(secret).verify(signed(event()), event(), NOW)


def test_a_source_that_is_not_listed_is_refused() -> None:
    with pytest.raises(sdk.NotAllowed, match="sources"):
        inbox(sources=("/northwind/crm",)).verify(signed(event()), event(), NOW)

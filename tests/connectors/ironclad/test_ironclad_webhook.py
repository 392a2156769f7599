"""X27, X28: only what Ironclad signed, about this firm, within five minutes."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tieline import sdk
from tieline.connectors.ironclad import webhook

KEY = rsa.generate_private_key(65537, 2048)
OTHER = rsa.generate_private_key(65537, 2048)
NOW = datetime(2026, 2, 20, 14, 5, tzinfo=UTC)


def pem(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def body(**payload: Any) -> bytes:
    named = payload or {"recordID": "r-1"}
    document = {
        "companyID": "c-1",
        "payload": {"event": "record_contract_status_changed", **named},
        "timestamp": "2026-02-20T14:05:00.123Z",
        "webhookID": "w-1",
    }
    return json.dumps(document).encode()


def headers(content: bytes, key: rsa.RSAPrivateKey = KEY, event_id: str = "e-1", **changes: str) -> dict[str, str]:
    signature = key.sign(event_id.encode() + content + b"n-1", padding.PKCS1v15(), hashes.SHA256())
    proof = {"nonce": "n-1", "signAlgorithm": "sha256", "encoding": "base64", **changes}
    proof.setdefault("signature", base64.b64encode(signature).decode())
    return {"x-ironclad-webhook-event-id": event_id, "x-ironclad-webhook-verification": json.dumps(proof)}


def accepted(content: bytes, given: dict[str, str], now: datetime = NOW, company: str = "") -> list[sdk.Notification]:
    return list(
        webhook.notifications(webhook.verified(given, content, webhook.public_key(pem(KEY))), content, company, now)
    )


def test_a_signed_webhook_names_the_record_to_fetch_and_carries_nothing_else() -> None:
    (found,) = accepted(body(), headers(body()))
    assert (found.topic, found.source_id, found.dedup, found.body) == ("agreement", "r-1", "e-1", None)


def test_D3_several_records_of_one_event_have_their_own_keys_and_keep_them() -> None:
    content = body(recordIDs=["r-1", "r-2", "r-1"])
    once, again = accepted(content, headers(content)), accepted(content, headers(content))
    assert [n.dedup for n in once] == ["e-1:r-1", "e-1:r-2"] == [n.dedup for n in again]


def test_an_event_without_record_says_nothing() -> None:
    content = body(workflowID="w-9")
    assert accepted(content, headers(content)) == []


@pytest.mark.parametrize(
    "case", ["other key", "other body", "other event", "no header", "not base64", "algorithm", "no id"]
)
def test_X27_what_ironclad_did_not_sign_is_refused(case: str) -> None:
    content, given = body(), headers(body())
    if case == "other key":
        given = headers(content, OTHER)
    elif case == "other body":
        content = content.replace(b"r-1", b"r-2")
    elif case == "other event":
        given["x-ironclad-webhook-event-id"] = "e-2"
    elif case == "no header":
        given = {"x-ironclad-webhook-event-id": "e-1"}
    elif case == "not base64":
        given = headers(content, signature="%%%")
    elif case == "algorithm":
        given = headers(content, signAlgorithm="none")
    else:
        given = headers(content, event_id="")
    with pytest.raises(sdk.NotAllowed):
        accepted(content, given)


@pytest.mark.parametrize("minutes", [-6, 6])
def test_X28_a_webhook_outside_five_minutes_is_refused(minutes: int) -> None:
    with pytest.raises(sdk.NotAllowed, match="replay"):
        accepted(body(), headers(body()), NOW + timedelta(minutes=minutes))


def test_a_webhook_of_another_company_is_refused() -> None:
    with pytest.raises(sdk.NotAllowed, match="another company"):
        accepted(body(), headers(body()), company="c-2")


@pytest.mark.parametrize("content", [b"{}", b"[]", b"", b'{"payload": {}, "timestamp": "2026-02-20T14:05:00Z"}'])
def test_F21_a_signed_body_of_another_shape_is_rejected(content: bytes) -> None:
    with pytest.raises(sdk.Rejected):
        accepted(content, headers(content))


def test_a_time_without_zone_is_rejected() -> None:
    content = body().replace(b"123Z", b"123")
    with pytest.raises(sdk.Rejected):
        accepted(content, headers(content))


@pytest.mark.parametrize("text", ["", "-----BEGIN PUBLIC KEY-----", pem(rsa.generate_private_key(65537, 1024))])
def test_X38_without_a_usable_key_nothing_is_accepted_and_the_way_out_is_named(text: str) -> None:
    with pytest.raises(sdk.CredentialInvalid, match="verification-key"):
        webhook.public_key(text)

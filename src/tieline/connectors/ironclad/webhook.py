"""Ironclad's webhooks: an RSA signature over event id, raw body and nonce. The body names records, it does not carry them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tieline import sdk

WINDOW = timedelta(minutes=5)
TOPIC = "agreement"
_KEY_BITS_MIN = 2048


class Verification(msgspec.Struct, frozen=True):
    nonce: str
    signature: str
    signAlgorithm: str
    encoding: str = "base64"


class Payload(msgspec.Struct, frozen=True):
    event: str
    recordID: str = ""
    recordIDs: tuple[str, ...] = ()


class Delivery(msgspec.Struct, frozen=True):
    payload: Payload
    timestamp: str
    companyID: str = ""


def public_key(pem: str) -> RSAPublicKey:
    """Raises CredentialInvalid when `pem` is no RSA public key of a usable size."""
    try:
        key = load_pem_public_key(pem.encode())
    except ValueError:
        key = None
    if not isinstance(key, RSAPublicKey) or key.key_size < _KEY_BITS_MIN:
        raise sdk.CredentialInvalid(
            "Webhooks from Ironclad cannot be checked: set webhook_public_key to the PEM text"
            " that GET /public/api/v1/webhooks/verification-key gives."
        )
    return key


def verified(headers: Mapping[str, str], body: bytes, key: RSAPublicKey) -> str:
    """The event id of a delivery that Ironclad signed. Raises NotAllowed."""
    event_id = headers.get("x-ironclad-webhook-event-id", "")
    try:
        proof = msgspec.json.decode(headers.get("x-ironclad-webhook-verification", ""), type=Verification)
        signature = base64.b64decode(proof.signature, validate=True)
    except (msgspec.DecodeError, binascii.Error, ValueError):
        raise sdk.NotAllowed("The webhook carries no readable Ironclad signature.") from None
    if not event_id or proof.signAlgorithm.lower() != "sha256" or proof.encoding != "base64":
        raise sdk.NotAllowed("The webhook's signature is not of the kind that Ironclad uses.")
    try:
        key.verify(signature, event_id.encode() + body + proof.nonce.encode(), PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        raise sdk.NotAllowed("The webhook was not signed by Ironclad.") from None
    return event_id


def notifications(event_id: str, body: bytes, company_id: str, now: datetime) -> Sequence[sdk.Notification]:
    """One per record named; none for events that name no record. Raises NotAllowed or Rejected."""
    try:
        delivery = msgspec.json.decode(body, type=Delivery)
        sent_at = sdk.instant(delivery.timestamp)
    except (msgspec.DecodeError, ValueError) as error:
        raise sdk.Rejected(f"The webhook's body has another shape than Ironclad's: {error}.") from None
    if abs(now - sent_at) > WINDOW:
        raise sdk.NotAllowed("The webhook is older or newer than five minutes: it may be a replay.")
    if company_id and delivery.companyID != company_id:
        raise sdk.NotAllowed("The webhook is about another company than the one in company_id.")
    payload = delivery.payload
    records = tuple(dict.fromkeys(filter(None, (payload.recordID, *payload.recordIDs))))
    return [
        sdk.Notification(
            topic=TOPIC,
            source_id=record,
            dedup=event_id if len(records) == 1 else f"{event_id}:{record}",
            occurred_at=sent_at,
        )
        for record in records
    ]

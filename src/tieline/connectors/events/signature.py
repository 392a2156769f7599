"""Standard Webhooks 1.0: HMAC over id, timestamp and the raw body. The instant is an argument, so replays can be tested."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from standardwebhooks.webhooks import Webhook

from tieline import sdk

WINDOW = timedelta(minutes=5)
_ID = re.compile(r"[!-~]{1,128}")
_TIMESTAMP = re.compile(r"[0-9]{1,11}")
_SECRET_BYTES_MIN = 24
_SIGNATURES_MAX = 10
_PREFIX = "whsec_"


def verified(headers: Mapping[str, str], body: bytes, secrets: Sequence[sdk.Secret], now: datetime) -> str:
    """The webhook id of a message signed with one of `secrets` within five minutes of `now`. Raises NotAllowed."""
    message_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    given = headers.get("webhook-signature", "").split(" ")[:_SIGNATURES_MAX]
    # A dot in the id would let its tail pass for a timestamp in the signed text.
    if not _ID.fullmatch(message_id) or "." in message_id or not _TIMESTAMP.fullmatch(stamp):
        raise sdk.NotAllowed("The message lacks a usable webhook-id, webhook-timestamp or webhook-signature.")
    sent_at = datetime.fromtimestamp(int(stamp), tz=UTC)
    if abs(now - sent_at) > WINDOW:
        raise sdk.NotAllowed("The message is older or newer than five minutes: sign it anew with the present time.")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise sdk.NotAllowed("The message is not UTF-8 text.") from None
    # All are compared, so that the time taken does not tell which secret is in use.
    matches = [
        hmac.compare_digest(signer.sign(message_id, sent_at, text).encode(), signature.encode())
        for signer in map(signer_for, secrets)
        for signature in given
    ]
    if not any(matches):
        raise sdk.NotAllowed("The message is not signed with this inbox's secret.")
    return message_id


def signer_for(secret: sdk.Secret) -> Webhook:
    """Raises CredentialInvalid for a secret that protects nothing."""
    text = secret.reveal().removeprefix(_PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        key = b""
    if len(key) < _SECRET_BYTES_MIN:
        raise sdk.CredentialInvalid("The inbox's signing secret must be whsec_ and at least 24 random bytes in base64.")
    return Webhook(key)

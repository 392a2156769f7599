"""Standard Webhooks 1.0, the sending side: every valid secret signs, so that a receiver may change over when it likes."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime

from standardwebhooks.webhooks import Webhook

SECRET_BYTES = 32
_PREFIX = "whsec_"


def spelled(key: bytes) -> str:
    """A secret as its receiver is given it, once."""
    return _PREFIX + base64.b64encode(key).decode()


def signed_headers(message_id: str, at: datetime, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """The headers of one attempt; `at` is in UTC, `keys` are newest first and at least one."""
    if not keys:
        raise ValueError("a message without a secret is never sent")
    text = body.decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(key).sign(message_id, at, text) for key in keys),
        "content-type": "application/cloudevents+json",
    }

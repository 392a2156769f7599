"""Standard Webhooks 1.0, the sending side: HMAC over id, timestamp and the body. The instant is an argument."""

from __future__ import annotations

import base64
from datetime import datetime

from standardwebhooks.webhooks import Webhook

from tieline import sdk

_SECRET_BYTES_MIN = 24
_PREFIX = "whsec_"


def signed(message_id: str, body: bytes, secret: sdk.Secret, at: datetime) -> dict[str, str]:
    """The three headers of one message; `at` is in UTC. Raises CredentialInvalid for a secret that protects nothing."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": _signer(secret).sign(message_id, at, body.decode()),
    }


def _signer(secret: sdk.Secret) -> Webhook:
    text = secret.reveal().strip().removeprefix(_PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        key = b""
    if len(key) < _SECRET_BYTES_MIN:
        raise sdk.CredentialInvalid(
            "signing_secret_ref of the announcements must name whsec_ and at least 24 random bytes in base64."
        )
    return Webhook(key)

"""Webhook registrations, the RSA signature of deliveries, and the failure counters that disable a receiver."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tieline.kit.canonical import Json
from tieline.twins.chassis import Clock, Delivery, Sender, Signed, Store, accepted, answer, body
from tieline.twins.ironclad.refusals import invalid, not_found

COMPANY = "68dc3ef957dfe647e41e47df"
EVENTS = (
    *("*", "workflow_launched", "workflow_updated", "workflow_cancelled", "workflow_completed"),
    *("workflow_approval_status_changed", "workflow_attribute_updated", "workflow_step_updated"),
    *("workflow_signature_packet_sent", "workflow_signature_packet_fully_signed", "record_contract_status_changed"),
)
_FAILURES_MAX = 100
_FAILING_DAYS_MAX = 7
Guard = Callable[[Request], str]


class Hooks:
    """`/webhooks`. `guard` authenticates a request and names its principal."""

    def __init__(self, store: Store, clock: Clock, sender: Sender, guard: Guard, key_pem: str) -> None:
        self._store = store
        self._clock = clock
        self._sender = sender
        self._guard = guard
        key = serialization.load_pem_private_key(key_pem.encode(), None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError("the signing key must be RSA")
        self._key = key
        sender.on_outcome = self._outcome

    def routes(self) -> list[BaseRoute]:
        base = "/public/api/v1/webhooks"
        return [
            Route(base, self._create, methods=["POST"]),
            Route(base, self._list, methods=["GET"]),
            Route(base + "/verification-key", self._verification_key, methods=["GET"]),
            Route(base + "/{id}", self._read, methods=["GET"]),
            Route(base + "/{id}", self._update, methods=["PATCH"]),
            Route(base + "/{id}", self._delete, methods=["DELETE"]),
        ]

    def announce(self, event: str, payload: Json, record_id: str) -> int:
        """Sends a thin event to every receiver that asked for it; returns to how many."""
        receivers = [
            hook
            for _, hook in self._store.list("webhook", fresh=True)
            if hook["status"] == "enabled" and ({event, "*"} & set(hook["events"]))
        ]
        for hook in receivers:
            thin = {
                "companyID": COMPANY,
                "payload": {"event": event, **payload},
                "timestamp": self._clock.text(),
                "webhookID": hook["id"],
            }
            self._sender.send(
                Delivery(
                    hook=hook["id"],
                    event=event,
                    url=hook["targetURL"],
                    body=msgspec.json.encode(thin),
                    event_id=secrets.token_hex(16),
                    subject=("record", record_id),
                )
            )
        return len(receivers)

    def sign(self, event_id: str, content: bytes, variant: str) -> Signed:
        """RSA with SHA-256 over event id, raw body and nonce, in this order."""
        if variant == "old_timestamp":
            content = _aged(content)
        nonce = secrets.token_hex(16)
        text = event_id.encode() + (b"{}" if variant == "wrong_signature" else content) + nonce.encode()
        signature = base64.b64encode(self._key.sign(text, padding.PKCS1v15(), hashes.SHA256())).decode()
        proof = {"nonce": nonce, "signAlgorithm": "sha256", "signature": signature, "encoding": "base64"}
        headers = {
            "X-Ironclad-Webhook-Event-Id": event_id,
            "X-Ironclad-Webhook-Verification": msgspec.json.encode(proof).decode(),
        }
        return Signed(headers, content[: len(content) // 2] if variant == "half_body" else content)

    async def _create(self, request: Request) -> Response:
        given = await body(request)
        principal = self._guard(request)
        target, events = _target(given.get("targetURL")), _events(given.get("events"))
        if any(hook["targetURL"] == target for _, hook in self._store.list("webhook", fresh=True)):
            message = f"webhook already exists for event {events[0]} and target {target}"
            raise invalid("targetURL", message)
        hook: Json = {
            "id": secrets.token_hex(12),
            "events": events,
            "targetURL": target,
            "companyId": COMPANY,
            "tags": ["oauth", "clientCredentials"],
            "status": _status(given.get("status", "enabled")),
            "statusLastUpdatedAt": self._clock.text(),
            "statusLastUpdatedBy": principal.partition("/")[2],
            "consecutiveFailureCount": 0,
        }
        self._store.put("webhook", hook["id"], hook)
        return answer(hook, 201)

    async def _list(self, request: Request) -> Response:
        self._guard(request)
        page, size = paging(request)
        found = [hook for _, hook in self._store.list("webhook")]
        return answer({"page": page, "pageSize": size, "list": found[page * size : (page + 1) * size]})

    async def _read(self, request: Request) -> Response:
        self._guard(request)
        return answer(self._known(request))

    async def _update(self, request: Request) -> Response:
        given = await body(request)
        principal = self._guard(request)
        hook = self._known(request)
        if "events" in given:
            hook["events"] = _events(given["events"])
        if "targetURL" in given:
            hook["targetURL"] = _target(given["targetURL"])
        if "status" in given:
            self._set_status(hook, _status(given["status"]), principal.partition("/")[2])
        self._store.put("webhook", hook["id"], hook)
        return answer(hook)

    async def _delete(self, request: Request) -> Response:
        self._guard(request)
        hook = self._known(request)
        self._store.delete("webhook", hook["id"])
        self._sender.stop(hook["id"])
        return accepted()

    async def _verification_key(self, request: Request) -> Response:
        self._guard(request)
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        pem = self._key.public_key().public_bytes(serialization.Encoding.PEM, spki)
        return answer(pem, media="application/x-pem-file")

    def _known(self, request: Request) -> Json:
        hook = self._store.get("webhook", request.path_params["id"], fresh=True)
        if hook is None:
            raise not_found("webhook")
        return hook

    def _set_status(self, hook: Json, status: str, by: str) -> None:
        hook.update(status=status, statusLastUpdatedAt=self._clock.text(), statusLastUpdatedBy=by)
        if status == "enabled":
            hook["consecutiveFailureCount"] = 0
            hook.pop("firstConsecutiveFailure", None)

    def _outcome(self, hook_id: str, status: int | None) -> None:
        """410 disables at once; a hundred failures in a row over a week do, too."""
        hook = self._store.get("webhook", hook_id, fresh=True)
        if hook is None:
            return
        if status is not None and 200 <= status < 300:
            if hook["consecutiveFailureCount"] == 0:
                return
            hook["consecutiveFailureCount"] = 0
            hook.pop("firstConsecutiveFailure", None)
        else:
            hook["consecutiveFailureCount"] += 1
            hook.setdefault("firstConsecutiveFailure", self._clock.text())
        if status == 410 or self._worn_out(hook):
            self._set_status(hook, "disabledBySystem", "system")
            self._sender.stop(hook_id)
        self._store.put("webhook", hook_id, hook)

    def _worn_out(self, hook: Json) -> bool:
        if hook["consecutiveFailureCount"] < _FAILURES_MAX:
            return False
        since = datetime.fromisoformat(hook["firstConsecutiveFailure"])
        return self._clock.now() - since >= timedelta(days=_FAILING_DAYS_MAX)


def new_key() -> str:
    """A private key as PEM, for one instance of the twin."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def paging(request: Request) -> tuple[int, int]:
    """`page` from 0 and `pageSize` from 1 to 100; 20 when nothing is said."""
    try:
        page, size = int(request.query_params.get("page", "0")), int(request.query_params.get("pageSize", "20"))
    except ValueError as error:
        raise invalid("page", "page and pageSize must be integers") from error
    if page < 0:
        raise invalid("page", "page must be at least 0")
    if not 1 <= size <= 100:
        raise invalid("pageSize", "pageSize must be between 1 and 100")
    return page, size


def _target(url: Json) -> str:
    """https, as the vendor wants; plain http only to this machine, since a twin has no certificate."""
    parts = urlsplit(url) if isinstance(url, str) else None
    local = parts is not None and parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost")
    if parts is None or not (parts.scheme == "https" or local):
        raise invalid("targetURL", "targetURL must be an https url")
    return str(url)


def _events(given: Json) -> list[str]:
    if not isinstance(given, list) or not given or any(event not in EVENTS for event in given):
        raise invalid("events", f"invalid event type; {', '.join(EVENTS)} are acceptable event types")
    return [str(event) for event in given]


def _status(given: Json) -> str:
    if given not in ("enabled", "disabled"):
        raise invalid("status", "status must be enabled or disabled")
    return str(given)


def _aged(content: bytes) -> bytes:
    """The same event as it would have been sent an hour ago."""
    event = msgspec.json.decode(content)
    moment = datetime.fromisoformat(event["timestamp"]) - timedelta(hours=1)
    event["timestamp"] = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return msgspec.json.encode(event)

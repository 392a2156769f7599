"""POST /oauth/token (client credentials) and the check of bearer tokens, which expire on the twin's clock."""

from __future__ import annotations

import base64
import binascii
import secrets
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tieline.kit.canonical import Json
from tieline.twins.chassis import Clock, Store, answer
from tieline.twins.ironclad.refusals import missing, unauthorized


class OAuth:
    """Knows one client application; `ttl_s` is how long its tokens live."""

    def __init__(self, store: Store, clock: Clock, client_id: str, secret: str, ttl_s: float) -> None:
        self._store = store
        self._clock = clock
        self._client_id = client_id
        self._secret = secret
        self._ttl_s = ttl_s

    def routes(self) -> list[BaseRoute]:
        return [Route("/oauth/token", self._token, methods=["POST"])]

    def caller(self, request: Request) -> str:
        """`client/user`; refuses as the vendor does, in its words."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        known = self._store.get("token", token, fresh=True) if scheme.lower() == "bearer" and token else None
        if known is None:
            raise unauthorized("invalid authentication token")
        if known["expires"] <= self._clock.time():
            raise unauthorized("token has expired")
        user = request.headers.get("x-as-user-email") or request.headers.get("x-as-user-id")
        if not user:
            raise missing("x-as-user-email")
        return f"{known['client']}/{user}"

    def expire_all(self) -> None:
        for token, known in self._store.list("token", fresh=True):
            self._store.put("token", token, {**known, "expires": 0})

    async def _token(self, request: Request) -> Response:
        given = _fields(await request.body(), request.headers.get("content-type", ""))
        client, secret = _credentials(request, given)
        if not client or not given.get("grant_type"):
            return _error(400, "invalid_request", "missing grant_type or client credentials")
        if given["grant_type"] != "client_credentials":
            return _error(403, "unauthorized_client", "client not authorized to use this oauth grant type")
        if client != self._client_id or not secrets.compare_digest(secret.encode(), self._secret.encode()):
            return _error(401, "invalid_client", "invalid client")
        token = secrets.token_hex(12)
        self._store.put("token", token, {"client": client, "expires": self._clock.time() + self._ttl_s})
        granted = {"token_type": "Bearer", "access_token": token, "expires_in": int(self._ttl_s)}
        if given.get("scope"):
            granted["scope"] = given["scope"]
        return answer(granted)


def _fields(raw: bytes, media: str) -> dict[str, Json]:
    """Form fields, as RFC 6749 asks, or a JSON object, as the vendor's specification shows."""
    if "json" not in media:
        return dict(parse_qsl(raw.decode("utf-8", "replace")))
    try:
        fields = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _credentials(request: Request, given: dict[str, Json]) -> tuple[str, str]:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            client, _, secret = base64.b64decode(encoded).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return client, secret
    return str(given.get("client_id", "")), str(given.get("client_secret", ""))


def _error(status: int, code: str, text: str) -> Response:
    return answer({"error": code, "error_description": text}, status)

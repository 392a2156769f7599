"""Who asks. The key alone says the tenant; nothing else in a request can (X6). Every request asks the store, so that a
revoked key is dead at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request

from tieline.api.problems import Unauthenticated
from tieline.api.services import Services
from tieline.kit.errors import NotAllowed

KEY_PREFIX = "tl_"
_KEY_LENGTH_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    tenant: str
    principal: str
    name: str
    scopes: frozenset[str]


def key_hash(key: str) -> bytes:
    """Keys are long and random, so one fast hash is enough; the store never sees a key."""
    return hashlib.sha256(key.encode()).digest()


def require(scope: str) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency that answers the caller or refuses; `scope` is `entity:verb`."""

    async def caller(request: Request) -> Caller:
        found = await identify(request)
        if scope not in found.scopes:
            raise NotAllowed(f"This key has no scope {scope}: ask your administrator for a key that has it.")
        return found

    return caller


async def identify(request: Request) -> Caller:
    services: Services = request.app.state.services
    kind, _, key = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not key.startswith(KEY_PREFIX) or len(key) > _KEY_LENGTH_MAX:
        raise Unauthenticated("Send an API key in the header Authorization, as Bearer tl_…")
    async with services.pool.connection(timeout=services.patience_s) as connection:
        row = await (await connection.execute(_AUTHENTICATE, (key_hash(key),))).fetchone()
    if row is None or row[0] not in services.landscape:
        raise Unauthenticated("The API key is unknown, expired or revoked.")
    return Caller(tenant=row[0], principal=row[1], name=row[2], scopes=frozenset(row[3]))


_AUTHENTICATE = "select tenant_id, principal_id, name, scopes from authenticate(%s)"

"""API keys: shown once, stored as a digest, scoped, and expiring. A key names its tenant; a request never does."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta

from psycopg import AsyncConnection

from tieline.kit.ids import uuid7

DEFAULT_TTL = timedelta(days=90)
_PREFIX = "tl_"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """`key` is the only copy of the secret; it does not appear in a print of this value."""

    principal_id: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    tenant: str
    principal_id: str
    name: str
    scopes: frozenset[str]


def key_hash(key: str) -> bytes:
    """Keys are 256 random bits, so a plain digest cannot be searched; it needs no salt and no slow function."""
    return hashlib.sha256(key.encode()).digest()


async def create_tenant(conn: AsyncConnection, tenant: str, name: str, config_version: str | None = None) -> None:
    """Make the tenant known, or refresh its name and configuration version. Inside `tenant_tx` of the same tenant."""
    await conn.execute(
        "insert into tenants (tenant_id, name, config_version) values (%s, %s, %s) on conflict (tenant_id)"
        " do update set name = excluded.name, config_version = excluded.config_version",
        (tenant, name, config_version),
    )


async def create_principal(
    conn: AsyncConnection, tenant: str, name: str, scopes: Collection[str], ttl: timedelta = DEFAULT_TTL
) -> ApiKey:
    """A new principal with a new key, valid for `ttl`. Inside `tenant_tx` of the same tenant, as `tieline_api`."""
    issued = ApiKey(principal_id=f"prn_{uuid7().hex}", key=_PREFIX + secrets.token_urlsafe(32))
    await conn.execute(
        "insert into principals (tenant_id, principal_id, name, scopes, key_hash, expires_at)"
        " values (%s, %s, %s, %s, %s, now() + %s)",
        (tenant, issued.principal_id, name, sorted(scopes), key_hash(issued.key), ttl),
    )
    return issued


async def revoke_principal(conn: AsyncConnection, tenant: str, principal_id: str) -> bool:
    """Its key stops working with the commit. False: there is no such principal, or it was revoked before."""
    done = await conn.execute(
        "update principals set revoked_at = now() where tenant_id = %s and principal_id = %s and revoked_at is null",
        (tenant, principal_id),
    )
    return done.rowcount == 1


async def authenticate(conn: AsyncConnection, key: str) -> Principal | None:
    """Whose key this is; None when it is unknown, expired or revoked. Needs no tenant: the key decides it."""
    if not key.startswith(_PREFIX):
        return None
    cursor = await conn.execute("select tenant_id, principal_id, name, scopes from authenticate(%s)", (key_hash(key),))
    row = await cursor.fetchone()
    if row is None:
        return None
    return Principal(tenant=row[0], principal_id=row[1], name=row[2], scopes=frozenset(row[3]))

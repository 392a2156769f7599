"""API keys: shown once, stored as a digest, scoped, and expiring."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from database import Database
from tieline.adapters.postgres import roles
from tieline.adapters.postgres.pools import tenant_tx
from tieline.adapters.postgres.principals import ApiKey, authenticate, create_principal, create_tenant, revoke_principal


async def _issue(database: Database, tenant: str, ttl: timedelta = timedelta(days=90)) -> ApiKey:
    async with await psycopg.AsyncConnection.connect(database.conninfo(roles.API)) as conn, tenant_tx(conn, tenant):
        await create_tenant(conn, tenant, tenant.title())
        return await create_principal(conn, tenant, "ci", ["plans:read", "plans:apply"], ttl)


async def test_a_key_names_its_tenant_and_scopes_for_the_edge_without_any_tenant_set(database: Database) -> None:
    issued = await _issue(database, "northwind")
    async with await psycopg.AsyncConnection.connect(database.conninfo(roles.EDGE)) as conn:
        principal = await authenticate(conn, issued.key)
    assert principal is not None
    assert (principal.tenant, principal.name, principal.scopes) == ("northwind", "ci", {"plans:read", "plans:apply"})


async def test_X10_a_dump_of_the_database_holds_no_key(database: Database) -> None:
    issued = await _issue(database, "northwind")
    with psycopg.connect(database.admin) as conn:
        rows = conn.execute("select principals::text, key_hash from principals").fetchall()
    assert len(rows) == 1
    assert issued.key not in str(rows)
    assert issued.key not in repr(issued)


@pytest.mark.parametrize("key", ["", "tl_", "tl_wrong", "Bearer x", "tl_' or 1=1 --"])
async def test_a_wrong_key_is_nobody(database: Database, key: str) -> None:
    await _issue(database, "northwind")
    async with await psycopg.AsyncConnection.connect(database.conninfo(roles.EDGE)) as conn:
        assert await authenticate(conn, key) is None


async def test_an_expired_key_is_nobody(database: Database) -> None:
    issued = await _issue(database, "northwind", ttl=timedelta(seconds=-1))
    async with await psycopg.AsyncConnection.connect(database.conninfo(roles.EDGE)) as conn:
        assert await authenticate(conn, issued.key) is None


async def test_a_revoked_key_is_nobody_and_another_tenant_cannot_revoke_it(database: Database) -> None:
    issued = await _issue(database, "northwind")
    async with await psycopg.AsyncConnection.connect(database.conninfo(roles.API), autocommit=True) as conn:
        async with tenant_tx(conn, "contoso"):
            assert not await revoke_principal(conn, "northwind", issued.principal_id)
        assert await authenticate(conn, issued.key) is not None
        async with tenant_tx(conn, "northwind"):
            assert await revoke_principal(conn, "northwind", issued.principal_id)
        assert await authenticate(conn, issued.key) is None

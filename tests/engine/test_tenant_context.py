"""The tenant belongs to a transaction, not to a connection: what is lent out next starts with nobody's rights (T2, X23)."""

from __future__ import annotations

import psycopg

from database import Database
from tieline.adapters.postgres import roles
from tieline.engine.rows import tenant_transaction


async def test_X23_the_tenant_is_forgotten_when_the_transaction_ends(database: Database) -> None:
    async with await psycopg.AsyncConnection.connect(database.conninfo(roles.WORKER), autocommit=True) as connection:
        async with tenant_transaction(connection, "acme") as cursor:
            await cursor.execute("insert into lanes (tenant_id, lane, shard) values ('acme', 'item:a1', 1)")
        seen = await (await connection.execute("select count(*) from lanes")).fetchone()
        tenant = await (await connection.execute("select current_setting('tieline.tenant', true)")).fetchone()
    assert (seen, tenant) == ((0,), ("",))


async def test_T1_a_transaction_sees_its_own_tenant_only(database: Database) -> None:
    async with await psycopg.AsyncConnection.connect(database.conninfo(roles.WORKER), autocommit=True) as connection:
        counts = []
        for tenant in ("acme", "other"):
            async with tenant_transaction(connection, tenant) as cursor:
                await cursor.execute(
                    "insert into lanes (tenant_id, lane, shard) values (current_setting('tieline.tenant'), 'item:a1', 1)"
                )
                await cursor.execute("select count(*) as n from lanes")
                counts.append((await cursor.fetchall())[0]["n"])
    assert counts == [1, 1]

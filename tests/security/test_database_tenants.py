"""T1, T2, X23, X25: no row crosses tenants, whatever the session did before."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from database import Database
from tieline.adapters.postgres import privileges, roles
from tieline.adapters.postgres.pools import pool, tenant_tx

_READERS = {
    table: next((role for role, letters in cells.items() if "S" in letters), None)
    for table, cells in privileges.MATRIX.items()
    if table not in privileges.INFRASTRUCTURE
}
_SAMPLES = {
    "text": "'x'", "text[]": "'{}'", "uuid": "gen_random_uuid()", "bytea": "'\\x00'", "jsonb": "'{}'", "integer": "1",
    "bigint": "1", "smallint": "1", "boolean": "false", "numeric": "1", "timestamp with time zone": "now()", "date": "current_date",
}  # fmt: skip


def _insert(conn: psycopg.Connection, table: str, tenant: str) -> None:
    """One row of `tenant` in `table`, with any value that its columns and checks accept. As superuser."""
    columns = conn.execute(
        "select a.attname, format_type(a.atttypid, null), (select min((regexp_match(pg_get_constraintdef(c.oid), '''([^'']+)'''))[1])"
        "   from pg_constraint c where c.conrelid = a.attrelid and c.contype = 'c' and a.attnum = any(c.conkey))"
        " from pg_attribute a where a.attrelid = %s::regclass and a.attnum > 0 and a.attnotnull and a.attidentity = ''"
        " and not a.atthasdef",
        (table,),
    ).fetchall()
    samples = _SAMPLES | {"bytea": f"'{tenant}'"}
    values = {name: f"'{word}'" if word else samples[kind] for name, kind, word in columns} | {
        "tenant_id": f"'{tenant}'"
    }
    names = ", ".join(values)
    conn.execute(f"insert into {table} ({names}) values ({', '.join(values.values())})")


@pytest.fixture
def two_tenants(database: Database) -> Iterator[Database]:
    """A row of tenant a and one of tenant b in every table."""
    with psycopg.connect(database.admin, autocommit=True) as conn:
        for table in _READERS:
            for tenant in ("a", "b"):
                _insert(conn, table, tenant)
    yield database


def _tables(conn: psycopg.Connection) -> list[tuple[str, bool]]:
    return conn.execute(
        "select c.relname, c.relispartition from pg_class c where c.relkind in ('r', 'p')"
        " and c.relnamespace = 'public'::regnamespace and c.relname <> all(%s) order by 1",
        (list(privileges.INFRASTRUCTURE),),
    ).fetchall()


def _seen(conn: psycopg.Connection, table: str) -> set[str]:
    rows = conn.execute(sql.SQL("select tenant_id from {}").format(sql.Identifier(table))).fetchall()
    return {tenant for (tenant,) in rows}


def test_T2_the_owner_sees_nothing_without_a_tenant_in_every_table_and_every_partition(two_tenants: Database) -> None:
    with psycopg.connect(two_tenants.admin, autocommit=True) as conn:
        tables = [name for name, _ in _tables(conn)]
        full = {table for table in tables if _seen(conn, table)}
        conn.execute(f"set role {roles.OWNER}")
        seen_with_null = {table for table in tables if _seen(conn, table)}
        conn.execute("select set_config('tieline.tenant', '', false)")
        seen_with_empty = {table for table in tables if _seen(conn, table)}
        conn.execute("select set_config('tieline.tenant', 'a', false)")
        seen_as_a = {table for table in tables if _seen(conn, table)}
        foreign = {table for table in tables if "b" in _seen(conn, table)}
    assert (seen_with_null, seen_with_empty, foreign) == (set(), set(), set())
    assert seen_as_a <= full
    assert len([table for table in seen_as_a if table in _READERS]) == len(_READERS)


def test_T2_components_see_nothing_without_a_tenant(two_tenants: Database) -> None:
    for table, role in _READERS.items():
        assert role is not None
        with psycopg.connect(two_tenants.conninfo(role), autocommit=True) as conn:
            assert _seen(conn, table) == set(), f"{role} reads {table} with NULL"
            conn.execute("select set_config('tieline.tenant', '', false)")
            assert _seen(conn, table) == set(), f"{role} reads {table} with the empty string"


def test_T1_a_component_sees_its_tenant_and_no_other(two_tenants: Database) -> None:
    for table, role in _READERS.items():
        assert role is not None
        with psycopg.connect(two_tenants.conninfo(role)) as conn:
            conn.execute("select set_config('tieline.tenant', 'a', true)")
            assert _seen(conn, table) == {"a"}, f"{role} reads {table}"


def test_T1_no_component_writes_a_row_of_another_tenant_or_moves_one_there(two_tenants: Database) -> None:
    with psycopg.connect(two_tenants.conninfo(roles.WORKER)) as conn:
        conn.execute("select set_config('tieline.tenant', 'a', false)")
        conn.commit()
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            conn.execute("insert into lane_dirty (tenant_id, lane, shard) values ('b', 'x', 1)")
        conn.rollback()
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            conn.execute("update lanes set tenant_id = 'b'")
        conn.rollback()
        assert conn.execute("update lanes set planned = 7 where tenant_id = 'b'").rowcount == 0
        assert conn.execute("delete from due where tenant_id = 'b'").rowcount == 0


def test_T1_no_component_reaches_a_partition_directly(two_tenants: Database) -> None:
    with psycopg.connect(two_tenants.admin) as admin:
        partitions = [name for name, is_partition in _tables(admin) if is_partition]
    assert len(partitions) > 40
    for role in (*roles.COMPONENTS,):
        with psycopg.connect(two_tenants.conninfo(role), autocommit=True) as conn:
            for partition in partitions:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    _seen(conn, partition)


def test_T2_a_partition_made_later_is_guarded_like_the_first(two_tenants: Database) -> None:
    with psycopg.connect(two_tenants.conninfo(roles.SCHEDULER), autocommit=True) as conn:
        made = [name for (name,) in conn.execute("select ensure_partitions('2033-05-05T00:00:00Z')")]
    with psycopg.connect(two_tenants.admin) as conn:
        guarded = conn.execute(
            "select relname from pg_class where relname = any(%s) and relrowsecurity and relforcerowsecurity", (made,)
        ).fetchall()
    assert sorted(name for (name,) in guarded) == sorted(made)
    assert made


def test_X25_every_table_is_under_forced_security_with_one_policy_of_tenants(database: Database) -> None:
    with psycopg.connect(database.admin) as conn:
        bare = conn.execute(
            "select relname from pg_class c where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace"
            " and relname <> all(%s) and not (relrowsecurity and relforcerowsecurity"
            " and exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'tenant' and p.polwithcheck is not null))",
            (list(privileges.INFRASTRUCTURE),),
        ).fetchall()
        other = conn.execute(
            "select distinct polname, polcmd::text, polroles::regrole[]::text from pg_policy where polname <> 'tenant'"
        ).fetchall()
        views = conn.execute(
            "select relname from pg_class where relkind in ('v', 'm') and relnamespace = 'public'::regnamespace"
        ).fetchall()
    assert bare == []
    assert other == [("claims", "r", "{tieline_claims}")]
    assert views == []


def test_X25_the_only_ways_across_tenants_are_the_listed_functions_with_a_pinned_search_path(
    database: Database,
) -> None:
    with psycopg.connect(database.admin) as conn:
        found = conn.execute(
            "select oid::regprocedure::text, proowner::regrole::text, proconfig from pg_proc"
            " where pronamespace = 'public'::regnamespace and prosecdef"
        ).fetchall()
    listed = {name.split("(")[0] for name in privileges.FUNCTIONS} - set(privileges.OWN_RIGHTS)
    assert {name.split("(")[0] for name, _, _ in found} == listed
    pinned = ['search_path=""']
    assert {name: config for name, _, config in found if config != pinned} == {
        "drop_expired_partitions(timestamp with time zone)": [*pinned, "lock_timeout=1s"]
    }
    assert {owner for _, owner, _ in found} == {roles.CLAIMS, roles.OWNER}


def test_X25_a_callers_own_table_or_operator_does_not_slip_into_a_claim(two_tenants: Database) -> None:
    with psycopg.connect(two_tenants.conninfo(roles.WORKER)) as conn:
        conn.execute("create temporary table lane_dirty (tenant_id text, lane text, shard smallint, dirty_id bigint)")
        conn.execute("insert into lane_dirty values ('forged', 'x', 1, 1)")
        conn.execute("set search_path = pg_temp, public")
        found = conn.execute("select tenant_id from public.claim_dirty('{1}', 100)").fetchall()
    assert sorted(found) == [("a",), ("b",)]


def test_X25_claims_give_keys_of_the_shards_asked_for_only(two_tenants: Database) -> None:
    with psycopg.connect(two_tenants.admin) as conn:
        conn.execute("delete from intake")
        conn.execute(
            "insert into intake (tenant_id, input_id, received_at, shard)"
            " select tenant_id, input_id, received_at, 1 from inputs"
        )
    with psycopg.connect(two_tenants.conninfo(roles.WORKER)) as conn:
        for call in (
            "claim_dirty(%s, 10)",
            "claim_due(%s, 10, '{}', '{}')",
            "claim_intake(%s, 10, '{}')",
            "claim_wakes(%s, 'infinity', 10)",
        ):
            assert conn.execute(f"select * from {call}", ([2],)).fetchall() == [], call
        assert [row[:2] for row in conn.execute("select * from claim_dirty('{1}', 10)")] == [("a", "x"), ("b", "x")]
        assert len(conn.execute("select * from claim_due('{1}', 10, '{}', '{}')").fetchall()) == 2
        assert len(conn.execute("select * from claim_intake('{1}', 1, '{}')").fetchall()) == 1


async def test_X23_a_pooled_connection_forgets_the_tenant_after_success_error_cancel_and_a_session_setting(
    two_tenants: Database,
) -> None:
    async with pool(two_tenants.conninfo(roles.WORKER), "worker", 1, 1) as connections:

        async def tenants_seen() -> int:
            async with connections.connection() as conn:
                return (await conn.execute("select tenant_id from lanes")).rowcount

        async with connections.connection() as conn, tenant_tx(conn, "a"):
            assert (await conn.execute("select tenant_id from lanes")).rowcount == 1
        assert await tenants_seen() == 0
        with pytest.raises(psycopg.errors.DivisionByZero):
            async with connections.connection() as conn, tenant_tx(conn, "a"):
                await conn.execute("select 1 / 0")
        assert await tenants_seen() == 0
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), connections.connection() as conn, tenant_tx(conn, "a"):
                await conn.execute("select pg_sleep(30)")
        assert await tenants_seen() == 0
        async with connections.connection() as conn:
            await conn.execute("select set_config('tieline.tenant', 'a', false)", prepare=True)
        assert await tenants_seen() == 0


async def test_X23_a_prepared_statement_shows_the_tenant_of_the_transaction_and_not_of_its_preparation(
    two_tenants: Database,
) -> None:
    async with pool(two_tenants.conninfo(roles.WORKER), "worker", 1, 1) as connections:
        seen = []
        for tenant in ("a", "b", "a"):
            async with connections.connection() as conn, tenant_tx(conn, tenant):
                cursor = await conn.execute("select tenant_id from lanes", prepare=True)
                seen.append(await cursor.fetchall())
    assert seen == [[("a",)], [("b",)], [("a",)]]


async def test_T2_a_transaction_for_the_empty_tenant_is_refused(database: Database) -> None:
    async with pool(database.conninfo(roles.WORKER), "worker", 1, 1) as connections, connections.connection() as conn:
        with pytest.raises(ValueError, match="needs a tenant"):
            async with tenant_tx(conn, ""):
                pass

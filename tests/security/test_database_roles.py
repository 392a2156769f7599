"""X9: every database role tries every statement on every table; the result is the written matrix, cell by cell."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql

from database import Database
from tieline.adapters.postgres import privileges, roles


def _attempt(letter: str, table: str, column: str) -> sql.Composed:
    name, field = sql.Identifier(table), sql.Identifier(column)
    return {
        "S": sql.SQL("select {} from {} limit 0").format(field, name),
        "I": sql.SQL("insert into {} default values").format(name),
        "U": sql.SQL("update {} set {} = null where false").format(name, field),
        "D": sql.SQL("delete from {} where false").format(name),
        "T": sql.SQL("truncate {}").format(name),
        "X": sql.SQL("drop table {}").format(name),
    }[letter]


def _allowed(conn: psycopg.Connection, letter: str, table: str, column: str) -> bool:
    try:
        conn.execute(_attempt(letter, table, column))
    except psycopg.errors.InsufficientPrivilege as error:
        return "row-level security" in str(error)  # the grant is there; the row is refused
    except psycopg.errors.IntegrityError:
        return True
    finally:
        conn.rollback()
    return True


@pytest.mark.parametrize("role", roles.COMPONENTS)
def test_X9_each_role_may_do_what_the_matrix_says_and_nothing_else(database: Database, role: str) -> None:
    with psycopg.connect(database.admin) as admin:
        tables = admin.execute(
            "select c.relname, (select attname from pg_attribute where attrelid = c.oid and attnum = 1) from pg_class c"
            " where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace and not c.relispartition"
        ).fetchall()
    with psycopg.connect(database.conninfo(role)) as conn:
        found = {
            table: "".join(letter for letter in "SIUDTX" if _allowed(conn, letter, table, column))
            for table, column in tables
        }
    written = {
        table: "".join(sorted(privileges.MATRIX.get(table, {}).get(role, ""), key="SIUD".index)) for table, _ in tables
    }
    assert found == written


@pytest.mark.parametrize("role", roles.COMPONENTS)
def test_X9_each_role_may_call_its_functions_and_no_other(database: Database, role: str) -> None:
    with psycopg.connect(database.conninfo(role)) as conn:
        may = {
            name.split("(")[0]
            for (name,) in conn.execute(
                "select oid::regprocedure::text from pg_proc where pronamespace = 'public'::regnamespace"
                " and has_function_privilege(oid, 'execute')"
            )
        }
    assert may == {name.split("(")[0] for name, users in privileges.FUNCTIONS.items() if role in users}


def test_X9_no_role_of_ours_is_superuser_skips_row_security_or_makes_roles(database: Database) -> None:
    with psycopg.connect(database.admin) as conn:
        found = conn.execute(
            "select rolname, rolcanlogin from pg_roles where rolname like 'tieline%%'"
            " and not (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication) order by 1"
        ).fetchall()
        members = conn.execute(
            "select member::regrole::text from pg_auth_members where roleid::regrole::text like 'tieline%%'"
        ).fetchall()
    assert dict(found) == dict.fromkeys(roles.COMPONENTS, True) | dict.fromkeys((roles.OWNER, roles.CLAIMS), False)
    assert members == []


@pytest.mark.parametrize("role", roles.COMPONENTS)
def test_X9_no_component_becomes_another_role_or_makes_objects(database: Database, role: str) -> None:
    with psycopg.connect(database.conninfo(role), autocommit=True) as conn:
        for statement in (
            f"set role {roles.OWNER}",
            f"set role {roles.CLAIMS}",
            "set role postgres",
            "create table public.mine (a int)",
            "create function public.mine() returns int language sql as 'select 1'",
            "alter table lanes disable row level security",
            "drop policy tenant on lanes",
            "copy lanes to program 'cat'",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(statement)

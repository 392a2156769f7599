"""Brings roles, policies, functions and grants to what the code says. Applied whenever that text changes, not versioned.

Migrations move tables; who may touch them is a state, compared by digest and set whole, in one transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import psycopg
from psycopg import sql

from tieline.adapters.postgres import privileges, roles

_HERE = Path(__file__).parent
_GUARD = _HERE / "migrations" / "guard.sql"
_CLAIMS = _HERE / "migrations" / "claims.sql"
_BUDGETS = _HERE / "migrations" / "budgets.sql"
_TEXTS = (_HERE / "privileges.py", _HERE / "security.py", _GUARD, _CLAIMS, _BUDGETS)


def digest() -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in _TEXTS)).hexdigest()


def create_roles(conn: psycopg.Connection) -> None:
    """The roles are the server's, not the database's: made once, and checked to hold no power of their own."""
    known = {name for (name,) in conn.execute("select rolname from pg_roles where rolname like 'tieline%'")}
    for name in (roles.OWNER, roles.CLAIMS, *roles.COMPONENTS):
        login = "login" if name in roles.COMPONENTS else "nologin"
        if name not in known:
            conn.execute(sql.SQL("create role {} {} noinherit").format(sql.Identifier(name), sql.SQL(login)))
    mine = conn.execute("select rolsuper from pg_roles where rolname = current_user").fetchone()
    if mine == (False,):  # an external server's ordinary user: it becomes our roles, so it must be a member
        for name in (roles.OWNER, roles.CLAIMS, *roles.COMPONENTS):
            conn.execute(sql.SQL("grant {} to current_user").format(sql.Identifier(name)))


def open_schema(conn: psycopg.Connection) -> None:
    """The owner may create here, everybody of ours may look up names, the public may do nothing."""
    everyone = sql.SQL(", ").join(map(sql.Identifier, (roles.OWNER, roles.CLAIMS, *roles.COMPONENTS)))
    conn.execute("revoke all on schema public from public")
    conn.execute(sql.SQL("grant usage on schema public to {}").format(everyone))
    conn.execute(sql.SQL("grant create on schema public to {}").format(sql.Identifier(roles.OWNER)))


def apply(conn: psycopg.Connection, schema: str, *, exact: bool, alone: bool) -> None:
    """Inside the caller's transaction, as the migrating user, after the migrations.

    `exact`: what is not written here is taken away; otherwise it stays, because older code works with it. `alone`: nobody is
    at work, so functions may change what they answer; otherwise such a function needs a new name.
    """
    if exact and alone:
        _drop_functions(conn, keep=())
    _as(conn, roles.OWNER)
    conn.execute(_GUARD.read_bytes())
    conn.execute(_BUDGETS.read_bytes())
    _note(conn, schema, exact=exact)
    _guard_tables(conn)
    _grant_tables(conn, exact=exact)
    conn.execute("reset role")
    _claim_functions(conn)
    if exact:
        _drop_functions(conn, keep=_made_here(conn))
    conn.execute("revoke all on all functions in schema public from public")
    for function, users in privileges.FUNCTIONS.items():
        _grant(conn, "execute", f"function public.{function}", users)


def _note(conn: psycopg.Connection, schema: str, *, exact: bool) -> None:
    """Which code's rights and functions are here: `fitness` asks for it."""
    conn.execute("create table if not exists public.schema_security (digest text not null)")
    conn.execute(
        "alter table public.schema_security add column if not exists schema text not null default '0000',"
        " add column if not exists exact boolean not null default true"
    )
    conn.execute("delete from public.schema_security")
    conn.execute(
        "insert into public.schema_security (digest, schema, exact) values (%s, %s, %s)", (digest(), schema, exact)
    )


def _made_here(conn: psycopg.Connection) -> list[int]:
    """Functions that this transaction has made or replaced."""
    made = conn.execute(
        "select oid::bigint from pg_proc where pronamespace = 'public'::regnamespace"
        " and xmin::text::bigint = mod(pg_current_xact_id()::text::bigint, 4294967296)"
    )
    return [oid for (oid,) in made]


def _drop_functions(conn: psycopg.Connection, keep: Sequence[int]) -> None:
    """All of ours but `keep`."""
    for name, owner in conn.execute(
        "select oid::regprocedure::text, proowner::regrole::text from pg_proc where pronamespace = 'public'::regnamespace"
        " and proowner in (select oid from pg_roles where rolname = any(%s)) and oid::bigint <> all(%s)",
        ([roles.OWNER, roles.CLAIMS], list(keep)),
    ).fetchall():
        _as(conn, owner)
        conn.execute(sql.SQL("drop function {}").format(sql.SQL(name)))
        conn.execute("reset role")


def _guard_tables(conn: psycopg.Connection) -> None:
    conn.execute(
        "select public.guard_table(c.oid::regclass) from pg_class c where c.relkind in ('r', 'p')"
        " and c.relnamespace = 'public'::regnamespace and c.relname <> all(%s)",
        (list(privileges.INFRASTRUCTURE),),
    )


def _grant_tables(conn: psycopg.Connection, *, exact: bool) -> None:
    if exact:
        conn.execute(
            sql.SQL("revoke all on all tables in schema public from {}").format(
                sql.SQL(", ").join(map(sql.Identifier, (roles.CLAIMS, *roles.COMPONENTS)))
            )
        )
    for table, cells in privileges.MATRIX.items():
        for role, letters in cells.items():
            verbs = ", ".join(privileges.VERBS[letter] for letter in letters)
            _grant(conn, verbs, f"public.{table}", (role,))
    there = {name for (name,) in conn.execute(_CLAIMS_POLICIES, (roles.CLAIMS,))}
    for table, columns in privileges.CLAIMS_READS.items():
        _grant(conn, f"select ({', '.join(columns)})", f"public.{table}", (roles.CLAIMS,))
        if table not in there:  # making one anew would lock the table against everybody at work
            name, claims = sql.Identifier("public", table), sql.Identifier(roles.CLAIMS)
            conn.execute(sql.SQL("drop policy if exists claims on {}").format(name))
            conn.execute(sql.SQL("create policy claims on {} for select to {} using (true)").format(name, claims))


def _claim_functions(conn: psycopg.Connection) -> None:
    _grant(conn, "create", "schema public", (roles.CLAIMS,))
    _as(conn, roles.CLAIMS)
    conn.execute(_CLAIMS.read_bytes())
    conn.execute("reset role")
    conn.execute(sql.SQL("revoke create on schema public from {}").format(sql.Identifier(roles.CLAIMS)))


def _grant(conn: psycopg.Connection, verbs: str, subject: str, users: tuple[str, ...]) -> None:
    to = sql.SQL(", ").join(map(sql.Identifier, users))
    conn.execute(sql.SQL("grant {} on {} to {}").format(sql.SQL(verbs), sql.SQL(subject), to))


def _as(conn: psycopg.Connection, role: str) -> None:
    conn.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))


_CLAIMS_POLICIES = """select c.relname from pg_policy p join pg_class c on c.oid = p.polrelid
where c.relnamespace = 'public'::regnamespace and p.polname = 'claims' and p.polcmd = 'r' and p.polpermissive
  and p.polroles = array[%s::regrole::oid] and pg_get_expr(p.polqual, p.polrelid) = 'true'"""

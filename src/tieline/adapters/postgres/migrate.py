"""Brings a database to this version of the code: roles, Alembic migrations, security. Runs at every start.

`NNNN_pre_*` migrations are safe before the new code runs, `NNNN_post_*` after the old code is gone. When nothing changed,
one question to the server is all that happens: Alembic and SQLAlchemy are not even imported.
"""

from __future__ import annotations

from pathlib import Path

import psycopg

from tieline.adapters.postgres import roles, security
from tieline.adapters.postgres.durability import check_durability, check_version
from tieline.kit.errors import Conflict

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 7_203_310_041  # one migration at a time; the others wait and find nothing to do


def head() -> str:
    """The newest migration's number: file names are the order."""
    return max(path.name for path in MIGRATIONS.glob("[0-9]*_*.py"))[:4]


def migrate(conninfo: str) -> bool:
    """True when something changed. `conninfo` is the cluster's for `roles.ADMIN`. Idempotent and safe to run in parallel.

    Raises Unavailable when the server is too old or not durable, Conflict when the database is newer than this code.
    """
    with psycopg.connect(conninfo, autocommit=True) as conn:
        check_version(conn)
        check_durability(conn)
        if _current(conn) == (head(), security.digest()):
            return False
        conn.execute("select pg_advisory_lock(%s)", (_LOCK,))
        before = _current(conn)
        if before == (head(), security.digest()):
            return False
        if before is not None and before[0] > head():
            raise Conflict(
                f"The database has schema version {before[0]}, this Tieline knows only up to {head()}: "
                "start the newer Tieline, or restore a backup of before the upgrade",
                code="database_newer",
            )
        with conn.transaction():
            security.create_roles(conn)
            security.open_schema(conn)
            security.drop_functions(conn)
        _upgrade(conninfo)
        with conn.transaction():
            security.apply(conn)
            conn.execute("select public.ensure_partitions(now())")
    return True


def _current(conn: psycopg.Connection) -> tuple[str, str] | None:
    """(schema version, security digest), None for an empty database."""
    ready = conn.execute(
        "select to_regclass('public.alembic_version') is not null, to_regclass('public.schema_security') is not null"
    ).fetchone()
    if ready is None or not ready[0]:
        return None
    version = conn.execute("select version_num from public.alembic_version").fetchone()
    applied = conn.execute("select digest from public.schema_security").fetchone() if ready[1] else None
    return (version[0] if version else "0000", applied[0] if applied else "")


def _upgrade(conninfo: str) -> None:
    # Loaded only when there is something to do: they cost more than the whole start.
    from tieline.adapters.postgres.upgrade import upgrade

    upgrade(conninfo, MIGRATIONS, roles.OWNER)

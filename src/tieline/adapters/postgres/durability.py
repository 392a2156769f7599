"""L1 begins here: a server that may lose a committed row, or is too old for our statements, is refused."""

from __future__ import annotations

import psycopg

from tieline.kit.errors import Unavailable

_OLDEST = 150_000


def check_durability(conn: psycopg.Connection) -> None:
    """Raises Unavailable naming every setting that would let an acknowledged input disappear."""
    rows = conn.execute(
        "select name, setting from pg_settings where name in ('fsync', 'full_page_writes', 'synchronous_commit')"
    ).fetchall()
    weak = [name for name, value in rows if value == "off"]
    if weak:
        raise Unavailable(
            f"The database may lose what it has confirmed, because {' and '.join(sorted(weak))} "
            f"{'is' if len(weak) == 1 else 'are'} off: set {'it' if len(weak) == 1 else 'them'} to on and start again",
            code="database_not_durable",
        )


def check_version(conn: psycopg.Connection) -> None:
    version = conn.info.server_version
    if version < _OLDEST:
        raise Unavailable(
            f"The database is PostgreSQL {version // 10_000}; Tieline needs 15 or newer", code="database_version"
        )

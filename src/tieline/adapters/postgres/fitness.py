"""May this code work on that store? Asked at every start, on every new connection, and by a watch while a process runs.

A store that lacks a `pre` migration of ours is too old for us; one that has a `post` migration we do not know is too new.
Who is at work is told by the server itself: every connection of a pool bears the number of its code in its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import AsyncConnection

from tieline.adapters.postgres.changes import head, needed
from tieline.kit.errors import Conflict

_BEFORE = "0000"  # code from before connections bore a number


@dataclass(frozen=True, slots=True, kw_only=True)
class AtWork:
    """A process as the server sees it. `code` is the number of the newest migration that it knows."""

    component: str
    code: str
    pid: int

    def __str__(self) -> str:
        code = "from before connections were numbered" if self.code == _BEFORE else f"of schema {self.code}"
        return f"{self.component} {code}"


def connection_name(component: str) -> str:
    return f"tieline-{component} {head()}"


def check(connection: psycopg.Connection[Any]) -> None:
    """Raises Conflict with what to do when this code and that store do not fit."""
    try:
        row = connection.execute(_STANDING).fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.InsufficientPrivilege):
        row = None
    _judge(row)


async def fits(connection: AsyncConnection[Any]) -> str:
    """`check` for a connection of a pool, outside of any transaction. Answers the number of the last migration."""
    try:
        row = await (await connection.execute(_STANDING)).fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.InsufficientPrivilege):
        row = None
    _judge(row)
    return str(row[2]) if row else ""


def at_work(connection: psycopg.Connection[Any]) -> list[AtWork]:
    """Everybody who is connected with a pool, however old; one that stands still is among them (F26)."""
    found = []
    for name, pid in connection.execute(_AT_WORK).fetchall():
        component, _, code = name.removeprefix("tieline-").partition(" ")
        found.append(AtWork(component=component, code=code or _BEFORE, pid=pid))
    return found


def older(everybody: Sequence[AtWork], than: str) -> list[AtWork]:
    return [one for one in everybody if one.code < than]


def send_away(connection: psycopg.Connection[Any], whom: Sequence[AtWork]) -> None:
    """Those who came in while a `post` migration ran: their next connection is refused by `fits`."""
    for one in whom:
        connection.execute("select pg_terminate_backend(%s)", (one.pid,))


def _judge(row: Sequence[Any] | None) -> None:
    if row is None or row[0] is None or row[0] < needed():
        has = "an older schema" if row is None or row[0] is None else f"schema {row[0]}"
        raise Conflict(
            f"The store has {has}, and this Tieline needs {needed()}: bring it there with `tieline upgrade --pre` of this "
            "version; older processes may go on working meanwhile",
            code="database_older",
        )
    if row[1] > head():
        raise Conflict(
            f"The store was upgraded to schema {row[1]} for good, this Tieline knows only up to {head()}: "
            "start the newer Tieline, or restore a backup of before the upgrade",
            code="database_newer",
        )


_STANDING = """select (select max(schema) from public.schema_security),
  (select coalesce(max(number), '0000') from public.schema_changes where phase = 'post'),
  (select max(number) from public.schema_changes)"""
_AT_WORK = """select application_name, pid from pg_stat_activity
where application_name like 'tieline-%' and datname = current_database() and backend_type = 'client backend' order by 1, 2"""

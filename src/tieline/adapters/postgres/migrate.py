"""Brings a database to this version of the code, in two parts, so that the former version can work on it in between.

`prepare` does what older code can live with, at any time and under load: `pre` migrations, new rights and functions beside
the old ones. `finish` does the rest when no older process is left: `post` migrations, and the rights exactly as written.
`migrate` is both. A database that is new, or on which nobody works but code as old as this, needs no two parts.

When nothing changed, one question to the server is all that happens: Alembic and SQLAlchemy are not even imported.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from tieline.adapters.postgres import fitness, security
from tieline.adapters.postgres.changes import Change, changes, head, needed
from tieline.adapters.postgres.durability import check_durability, check_version
from tieline.engine.crashpoints import crash_point
from tieline.kit.errors import Conflict, Unavailable

__all__ = ["Standing", "finish", "head", "migrate", "prepare", "standing"]

_LOCK = 7_203_310_041  # one migration at a time; the others wait and find nothing to do
_PATIENCE_S = 300.0
_BUSY = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)
_SAME_ROW = "tuple concurrently updated"  # of the catalogue; the server has no code for it
Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a store has. `exact`: rights and functions are those of `digest` and no others."""

    schema: str  # "" for an empty database
    digest: str
    exact: bool

    @property
    def pending(self) -> tuple[Change, ...]:
        return tuple(change for change in changes() if change.number > self.schema)

    @property
    def prepared(self) -> bool:
        return self.schema >= needed() and (self.digest == security.digest() or self.schema > head())

    @property
    def finished(self) -> bool:
        return self.prepared and not self.pending and self.exact


def standing(connection: Connection) -> Standing:
    ready = connection.execute(
        "select to_regclass('public.alembic_version') is not null, to_regclass('public.schema_security') is not null,"
        " exists (select 1 from information_schema.columns where table_name = 'schema_security' and column_name = 'exact')"
    ).fetchone()
    if ready is None or not ready[0]:
        return Standing(schema="", digest="", exact=False)
    version = connection.execute("select version_num from public.alembic_version").fetchone()
    columns = b"digest, exact" if ready[2] else b"digest, true"
    applied = (
        connection.execute(b"select " + columns + b" from public.schema_security").fetchone() if ready[1] else None
    )
    return Standing(
        schema=version[0] if version else "",
        digest=applied[0] if applied else "",
        exact=applied[1] if applied else False,
    )


def migrate(conninfo: str) -> bool:
    """`prepare` and `finish`. True when something changed. `conninfo` is the cluster's for `roles.ADMIN`."""
    prepared = prepare(conninfo)
    return finish(conninfo) or prepared


def prepare(conninfo: str) -> bool:
    """Everything that older processes can live with. True when something changed. Idempotent, safe to run in parallel.

    Raises Unavailable when the server is too old or not durable, Conflict when it is of a newer Tieline that ours cannot
    work beside, or when an open `post` migration of an earlier upgrade still meets processes from before it.
    """
    return _brought(conninfo, lambda found: found.prepared, _prepare)


def finish(conninfo: str) -> bool:
    """What is left. Raises Conflict, naming them, while processes older than this code are at work."""
    return _brought(conninfo, lambda found: found.finished or found.schema > head(), _finish)


def _brought(conninfo: str, done: Callable[[Standing], bool], bring: Callable[[Connection, str], None]) -> bool:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        check_version(connection)
        check_durability(connection)
        found = standing(connection)
        if found.schema > head():
            fitness.check(connection)
        if done(found):
            return False
        connection.execute("select pg_advisory_lock(%s)", (_LOCK,))
        if done(standing(connection)):
            return False
        bring(connection, conninfo)
    return True


def _prepare(connection: Connection, conninfo: str) -> None:
    found = standing(connection)
    alone = not fitness.older(fitness.at_work(connection), head()) and found.schema in ("", head())
    _roles(connection)
    last = head() if found.schema == "" else needed()
    for change in found.pending:
        if change.number <= last:
            _step(connection, conninfo, change)
    _secure(connection, exact=alone)


def _finish(connection: Connection, conninfo: str) -> None:
    _nobody_older(connection, head())
    for change in standing(connection).pending:
        _step(connection, conninfo, change)
    _secure(connection, exact=True)
    fitness.send_away(connection, fitness.older(fitness.at_work(connection), head()))


def _step(connection: Connection, conninfo: str, change: Change) -> None:
    # Loaded only when there is something to do: they cost more than the whole start.
    from tieline.adapters.postgres.upgrade import run

    if change.phase == "post":
        _nobody_older(connection, change.number)
    for attempt in _patiently(f"migration {change}"):
        with attempt:
            run(conninfo, change)


def _nobody_older(connection: Connection, than: str) -> None:
    still = fitness.older(fitness.at_work(connection), than)
    if still:
        counted = sorted({str(one) for one in still})
        raise Conflict(
            f"Older processes are at work on this store ({', '.join(counted)}): replace them by this version, "
            "then run `tieline upgrade --post` again",
            code="older_processes",
        )


def _roles(connection: Connection) -> None:
    for attempt in _patiently("roles"):
        with attempt, connection.transaction():
            security.create_roles(connection)
            security.open_schema(connection)


def _secure(connection: Connection, *, exact: bool) -> None:
    for attempt in _patiently("rights and functions"):
        with attempt, connection.transaction():
            connection.execute("set local lock_timeout = '2s'")
            security.apply(
                connection, needed() if not exact else head(), exact=exact, alone=not fitness.at_work(connection)
            )
            connection.execute("select public.ensure_partitions(now())")
            crash_point("before_security_commit")
    crash_point("after_security_commit")


def _patiently(what: str) -> Iterator[contextlib.AbstractContextManager[None]]:
    """Once more whenever somebody at work holds the locks that are needed: they come first."""
    end = time.monotonic() + _PATIENCE_S
    done: list[bool] = []

    @contextlib.contextmanager
    def attempt() -> Iterator[None]:
        try:
            yield
            done.append(True)
        except psycopg.Error as error:
            _again(error, what, end)

    while not done:
        yield attempt()


def _again(error: psycopg.Error, what: str, end: float) -> None:
    if not isinstance(error, _BUSY) and _SAME_ROW not in str(error):
        raise error
    if time.monotonic() > end:
        raise Unavailable(f"The locks for {what} were not to be had within {_PATIENCE_S:.0f} s: try in a quieter hour.")
    time.sleep(random.uniform(0.1, 0.6))

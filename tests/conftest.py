"""What every test may use: one embedded PostgreSQL for the session, and a fresh migrated database per test."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from psycopg import sql

from database import Database, new_home
from tieline.adapters.postgres import launcher, migrate, roles

_TEMPLATE = "tieline_template"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cluster() -> Iterator[launcher.Embedded]:
    home = new_home()
    running = launcher.start(home)
    try:
        yield running
    finally:
        running.stop()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def template(cluster: launcher.Embedded) -> str:
    with closing(psycopg.connect(cluster.conninfo(roles.ADMIN, "postgres"), autocommit=True)) as conn:
        conn.execute(sql.SQL("create database {}").format(sql.Identifier(_TEMPLATE)))
    migrate.migrate(cluster.conninfo(roles.ADMIN, _TEMPLATE))
    return _TEMPLATE


@pytest.fixture
def database(cluster: launcher.Embedded, template: str) -> Iterator[Database]:
    """A migrated, empty database, dropped afterwards together with whatever is still connected to it."""
    name = f"test_{next(_numbers)}"
    admin = cluster.conninfo(roles.ADMIN, "postgres")
    with closing(psycopg.connect(admin, autocommit=True)) as conn:
        conn.execute(
            sql.SQL("create database {} template {} strategy file_copy").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
    yield Database(cluster=cluster, name=name)
    with closing(psycopg.connect(admin, autocommit=True)) as conn:
        conn.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))

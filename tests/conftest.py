"""What every test may use: one embedded PostgreSQL for the session, and a fresh migrated database per test."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest
from psycopg import sql

import database as store
from database import Database
from ledger import SAID, Ledger
from parts import ByPart, longest_first
from tieline.adapters.postgres import launcher, roles

_numbers = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    if _of_many(config):
        return
    config.option.loadscopereorder = False
    config.pluginmanager.register(Ledger(whole=bool(getattr(config.option, "numprocesses", None))))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByPart | None:
    return ByPart(config, log) if config.option.dist == "loadfile" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if _of_many(config):
        longest_first(items)


def _of_many(config: pytest.Config) -> bool:
    """Whether this process is one of several that share a run."""
    return hasattr(config, "workerinput")


@pytest.fixture
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """What stands at the end of the output, whatever process the test runs in."""
    return lambda line: request.node.user_properties.append((SAID, line))


@pytest.fixture(scope="session")
def cluster() -> Iterator[launcher.Embedded]:
    with store.server() as running:
        yield running


@pytest.fixture(scope="session")
def template(cluster: launcher.Embedded) -> str:
    return os.environ.get("TIELINE_TEST_TEMPLATE") or store.made_template(cluster)


@pytest.fixture
def database(cluster: launcher.Embedded, template: str) -> Iterator[Database]:
    """A migrated, empty database, dropped afterwards together with whatever is still connected to it."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
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

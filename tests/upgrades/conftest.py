"""Versions beside each other on one store, which is laid anew for every test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

_TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(place) for place in (_TESTS / "upgrades",) if str(place) not in sys.path]

from trees import following  # noqa: E402
from versions import Version  # noqa: E402

from tieline.adapters.postgres import launcher, migrate, roles  # noqa: E402
from tieline.entrypoints.chaos.stage import Stage, staged  # noqa: E402


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with staged() as made:
        yield made


@pytest.fixture(scope="session")
def next_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return following(tmp_path_factory.mktemp("next"))


@pytest.fixture
def lay(stage: Stage) -> Callable[[], str]:
    """Lays an empty store of the version under test in place of what was there; answers how an administrator reaches it."""

    def laid() -> str:
        with psycopg.connect(stage.store.cluster.conninfo(roles.ADMIN, "postgres"), autocommit=True) as connection:
            connection.execute(f'drop database "{launcher.DATABASE}" with (force)')
            connection.execute(f'create database "{launcher.DATABASE}"')
        migrate.migrate(stage.store.admin)
        return stage.store.admin

    return laid


@pytest.fixture
def store(lay: Callable[[], str]) -> str:
    return lay()


@pytest.fixture
def this(stage: Stage) -> Version:
    return Version(source=None, config=stage.config)


@pytest.fixture
def next_one(stage: Stage, next_source: Path) -> Version:
    return Version(source=next_source, config=stage.config)

"""A hub whose days are made up and one whose days are real never work on one store, whichever comes first."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from database import Database
from tieline.adapters.config import Settings, load
from tieline.bootstrap.clock import business_clock, movable, prepare_clock
from tieline.connectors import discover
from tieline.kit.errors import Conflict


def settings(folder: Path, *, rehearsal: bool) -> Settings:
    file = folder / f"{rehearsal}.yaml"
    file.write_text(json.dumps({"home": str(folder), "clock": {"movable": rehearsal}}))
    return load(file, {}, discover())


def clocks(database: Database) -> int:
    with psycopg.connect(database.admin) as connection:
        row = connection.execute("select count(*) from business_clock").fetchone()
        return int(row[0]) if row else 0


def worked_in(database: Database) -> None:
    with psycopg.connect(database.admin, autocommit=True) as connection:
        connection.execute("insert into lanes (tenant_id, lane, shard) values ('acme', 'contract:c', 1)")


@dataclass(frozen=True, slots=True, kw_only=True)
class OneDatabase:
    """The test's database as a cluster that somebody else opened."""

    database: Database

    def conninfo(self, role: str, database: str | None = None) -> str:
        return self.database.conninfo(role)

    def stop(self) -> None:
        """It is not ours to stop."""


async def test_a_new_store_of_a_rehearsal_gets_a_clock_and_keeps_it_over_restarts(
    database: Database, tmp_path: Path
) -> None:
    rehearsal = settings(tmp_path, rehearsal=True)
    prepare_clock(rehearsal, database.admin)
    worked_in(database)
    prepare_clock(rehearsal, database.admin)
    assert clocks(database) == 1
    async with business_clock(rehearsal, OneDatabase(database=database)) as clock:
        assert movable(clock) is not None


async def test_a_store_of_real_days_is_refused_to_a_rehearsal(database: Database, tmp_path: Path) -> None:
    worked_in(database)
    with pytest.raises(Conflict, match="worked by the wall clock already"):
        prepare_clock(settings(tmp_path, rehearsal=True), database.admin)
    assert clocks(database) == 0


async def test_the_store_of_a_rehearsal_is_refused_to_a_hub_of_real_days_and_to_its_workers(
    database: Database, tmp_path: Path
) -> None:
    prepare_clock(settings(tmp_path, rehearsal=True), database.admin)
    real = settings(tmp_path, rehearsal=False)
    with pytest.raises(Conflict, match="belongs to a rehearsal"):
        prepare_clock(real, database.admin)
    with pytest.raises(Conflict, match="belongs to a rehearsal"):
        async with business_clock(real, OneDatabase(database=database)):
            raise AssertionError("a worker of real days got a clock")


async def test_a_hub_of_real_days_has_a_clock_that_nobody_moves(database: Database, tmp_path: Path) -> None:
    real = settings(tmp_path, rehearsal=False)
    prepare_clock(real, database.admin)
    async with business_clock(real, OneDatabase(database=database)) as clock:
        assert movable(clock) is None
    assert clocks(database) == 0

"""Migrations: once, in order, and nothing at all when nothing changed."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import psycopg
import pytest

from database import Database
from tieline.adapters.postgres import migrate, roles
from tieline.kit.errors import Conflict


def test_a_second_start_changes_nothing_and_does_not_even_load_the_migration_library(database: Database) -> None:
    script = (
        "import sys; from tieline.adapters.postgres import migrate\n"
        "assert migrate.migrate(sys.argv[1]) is False\n"
        "assert not {'alembic', 'sqlalchemy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script, database.admin], check=True)


def test_a_grant_that_somebody_added_by_hand_is_taken_back_when_security_is_applied_again(database: Database) -> None:
    with psycopg.connect(database.admin, autocommit=True) as conn:
        conn.execute("grant select on principals to tieline_worker")
        conn.execute("update schema_security set digest = 'older'")
    assert migrate.migrate(database.admin) is True
    with psycopg.connect(database.conninfo(roles.WORKER)) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("select * from principals")


def test_a_store_that_a_newer_tieline_upgraded_for_good_is_refused_and_says_what_to_do(database: Database) -> None:
    _as_newer_code_leaves_it(database, phase="post")
    with pytest.raises(Conflict, match="start the newer Tieline, or restore a backup"):
        migrate.migrate(database.admin)


def test_a_store_that_a_newer_tieline_only_prepared_is_worked_on_and_not_changed(database: Database) -> None:
    """Code can be rolled back after `pre` migrations: what the newer one brought is left as it is."""
    _as_newer_code_leaves_it(database, phase="pre")
    with psycopg.connect(database.admin) as conn:
        before = conn.execute("select * from schema_security").fetchall()
    assert migrate.migrate(database.admin) is False
    with psycopg.connect(database.admin) as conn:
        assert conn.execute("select * from schema_security").fetchall() == before


def test_rights_that_are_right_are_applied_again_without_locking_a_table(database: Database) -> None:
    with psycopg.connect(database.admin, autocommit=True) as conn, psycopg.connect(database.admin) as reader:
        conn.execute("update schema_security set digest = 'older'")
        made = conn.execute(_POLICIES).fetchall()
        reader.execute("select count(*) from due, lane_dirty, inputs")  # its locks stand until the end
        assert migrate.migrate(database.admin) is True
        assert conn.execute(_POLICIES).fetchall() == made
    assert made


def _as_newer_code_leaves_it(database: Database, phase: str) -> None:
    with psycopg.connect(database.admin, autocommit=True) as conn:
        conn.execute("update alembic_version set version_num = '9999'")
        conn.execute("insert into schema_changes (number, name, phase) values ('9999', 'later', %s)", (phase,))
        conn.execute("update schema_security set digest = 'newer', schema = '9999'")


_POLICIES = "select oid, xmin::text from pg_policy order by oid"


def test_months_are_prepared_ahead_and_a_row_for_an_unprepared_month_is_refused(database: Database) -> None:
    at = datetime(2031, 1, 15, tzinfo=UTC)
    insert = (
        "insert into record_history (tenant_id, recorded_at, kind, record_id, version, source_version, doc)"
        " values ('a', %s, 'client', 'x', 1, '1', '{}')"
    )
    with psycopg.connect(database.admin, autocommit=True) as conn, pytest.raises(psycopg.errors.CheckViolation):
        conn.execute(insert, (at,))
    with psycopg.connect(database.conninfo(roles.SCHEDULER), autocommit=True) as conn:
        made = [name for (name,) in conn.execute("select ensure_partitions(%s)", (at,))]
        again = conn.execute("select ensure_partitions(%s)", (at,)).fetchall()
    assert {name for name in made if name.startswith("events_")} == {
        "events_m203012", "events_m203101", "events_m203102", "events_m203103", "events_m203104",
    }  # fmt: skip
    assert again == []
    with psycopg.connect(database.admin, autocommit=True) as conn:
        conn.execute(insert, (at,))


def test_every_partitioned_table_says_in_writing_how_long_it_is_kept(database: Database) -> None:
    with psycopg.connect(database.admin) as conn:
        ranged = conn.execute(
            "select partrelid::regclass::text from pg_partitioned_table where partstrat = 'r'"
        ).fetchall()
        kept = conn.execute("select table_name from retention").fetchall()
    assert sorted(ranged) == sorted(kept)
    assert ranged

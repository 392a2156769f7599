"""Runs one of Alembic's migrations over one psycopg connection, as the owner of the tables, in one transaction."""

from __future__ import annotations

import psycopg
import sqlalchemy
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy.pool import NullPool

from tieline.adapters.postgres import roles
from tieline.adapters.postgres.changes import MIGRATIONS, Change
from tieline.engine.crashpoints import crash_point

LOCK_TIMEOUT = "set local lock_timeout = '2s'"  # those at work must not queue for long behind a migration that waits


def run(conninfo: str, change: Change) -> None:
    """Wholly or not at all: a process that is killed leaves the step to the next one."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("version_locations", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(conninfo), poolclass=NullPool
    )

    def step(revision: object, context: object) -> list[object]:
        return list(script._upgrade_revs(change.number, revision))  # type: ignore[arg-type]

    try:
        with engine.connect() as connection, EnvironmentContext(config, script, fn=step) as environment:
            connection.exec_driver_sql(f'{LOCK_TIMEOUT}; set local role "{roles.OWNER}"')
            environment.configure(connection=connection, version_table_schema="public", transaction_per_migration=False)
            environment.run_migrations()
            _note(connection, change)
            crash_point("before_migration_commit")
            connection.commit()
        crash_point("after_migration_commit")
    except sqlalchemy.exc.DBAPIError as error:
        raise (error.orig or error) from None  # as the statement itself would have told it
    finally:
        engine.dispose()


def _note(connection: sqlalchemy.Connection, change: Change) -> None:
    """Older code reads from this list whether it may still work here. The list is as old as its own migration."""
    if connection.exec_driver_sql("select to_regclass('public.schema_changes') is not null").scalar():
        connection.execute(
            sqlalchemy.text(
                "insert into public.schema_changes (number, name, phase) values (:number, :name, :phase)"
                " on conflict (number) do nothing"
            ),
            {"number": change.number, "name": change.name, "phase": change.phase},
        )

"""Runs Alembic's migrations over one psycopg connection, as the owner of the tables, each in one transaction."""

from __future__ import annotations

from pathlib import Path

import psycopg
import sqlalchemy
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy.pool import NullPool


def upgrade(conninfo: str, migrations: Path, owner: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.set_main_option("version_locations", str(migrations).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(conninfo), poolclass=NullPool
    )

    def steps(revision: object, context: object) -> list[object]:
        return list(script._upgrade_revs("head", revision))  # type: ignore[arg-type]

    with engine.connect() as connection, EnvironmentContext(config, script, fn=steps) as environment:
        connection.execute(sqlalchemy.text(f'set role "{owner}"'))
        environment.configure(connection=connection, version_table_schema="public", transaction_per_migration=False)
        environment.run_migrations()
        connection.commit()
    engine.dispose()

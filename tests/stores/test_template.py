"""The fixture that everybody uses."""

import psycopg

from database import Database
from tieline.adapters.postgres import roles


def test_every_component_connects_under_its_own_role(database: Database) -> None:
    for role in roles.COMPONENTS:
        with psycopg.connect(database.conninfo(role)) as conn:
            assert conn.execute("select current_user, session_user").fetchone() == (role, role)

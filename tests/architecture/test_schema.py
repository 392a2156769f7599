"""The schema's own rules: the tenant comes first, and what grows by the month or by the million is partitioned."""

from __future__ import annotations

import psycopg

from database import Database
from tieline.adapters.postgres import privileges


def test_every_business_table_begins_with_the_tenant_in_its_columns_and_its_primary_key(database: Database) -> None:
    with psycopg.connect(database.admin) as conn:
        wrong = conn.execute(
            "select c.relname from pg_class c left join pg_index i on i.indrelid = c.oid and i.indisprimary"
            " left join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]"
            " where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace and not c.relispartition"
            " and c.relname <> all(%s) and (a.attname is distinct from 'tenant_id' or a.attnum <> 1 or not a.attnotnull)",
            (list(privileges.INFRASTRUCTURE),),
        ).fetchall()
    assert wrong == []


def test_infrastructure_tables_hold_no_tenant(database: Database) -> None:
    with psycopg.connect(database.admin) as conn:
        found = conn.execute(
            "select table_name, column_name from information_schema.columns where table_name = any(%s) and column_name like 'tenant%%'",
            (list(privileges.INFRASTRUCTURE),),
        ).fetchall()
    assert found == []


def test_every_table_stands_in_the_matrix_of_privileges(database: Database) -> None:
    with psycopg.connect(database.admin) as conn:
        tables = {
            name
            for (name,) in conn.execute(
                "select relname from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace"
                " and not relispartition"
            )
        }
    assert tables == set(privileges.MATRIX) | {"schema_security", "alembic_version"}


def test_unique_keys_that_count_across_time_are_not_partitioned_by_time(database: Database) -> None:
    """A unique key of a table partitioned by month holds for one month only, so what must be once for ever is hashed."""
    with psycopg.connect(database.admin) as conn:
        by_hash = conn.execute(
            "select partrelid::regclass::text from pg_partitioned_table where partstrat = 'h' order by 1"
        )
        assert [name for (name,) in by_hash] == ["effect_keys", "fact_keys", "input_keys"]


def test_there_is_no_default_partition_that_would_swallow_rows_in_silence(database: Database) -> None:
    with psycopg.connect(database.admin) as conn:
        assert conn.execute("select count(*) from pg_partitioned_table where partdefid <> 0").fetchone() == (0,)

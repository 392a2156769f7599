"""Whole months go when the retention table says so; never what something unfinished refers to, never a dedup key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from database import Database
from tieline.adapters.postgres import roles
from tieline.adapters.postgres.pools import pool
from tieline.engine.duties.retention import drop_months, forget_answers

OLD = datetime(2010, 5, 15, tzinfo=UTC)
CORRELATION, INPUT = "0192f0aa-0000-7000-8000-000000000001", "0192f0aa-0000-7000-8000-000000000002"


class Archive:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.run("select ensure_partitions(%s)", OLD)

    def run(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database.admin, autocommit=True) as connection:
            done = connection.execute(sql.encode(), parameters)
            return done.fetchall() if done.description else []

    def months(self, table: str) -> set[str]:
        rows = self.run("select inhrelid::regclass::text from pg_inherits where inhparent = %s::regclass", table)
        return {name for (name,) in rows}

    def kept(self) -> dict[str, str]:
        rows = self.run(
            "select partition_name, kept_because from expired_partitions(now()) where kept_because is not null"
        )
        return dict(rows)

    def hold(self) -> None:
        self.run(
            "insert into holds (tenant_id, hold_id, lane, code, subject, source, owner, sentence, way_out, case_key,"
            " input_id, correlation_id) values ('a', gen_random_uuid(), 'l', 'X', 's', 'flow', 'pmo', 's', 'w', 'k', %s, %s)",
            INPUT, CORRELATION,
        )  # fmt: skip

    def effect(self, state: str) -> None:
        self.run(
            "insert into effects (tenant_id, intended_at, effect_key, replica_id, lane, system, kind, verb, op_class,"
            " revision, payload_hash, state, worker, epoch, mapping_version, config_version, actor, correlation_id)"
            " values ('a', %s, 'k', 'r', 'l', 'erp', 'item', 'put', 'Q', 1, 'h', %s, 'w', 1, 'm', 'c', 'tieline', %s)",
            OLD, state, CORRELATION,
        )  # fmt: skip

    async def tidy(self) -> int:
        dropped = 0
        async with pool(self.database.conninfo(roles.SCHEDULER), "scheduler") as made:
            while some := await drop_months(made):
                dropped += some
        return dropped


@pytest.fixture
def archive(database: Database) -> Archive:
    return Archive(database)


async def test_months_older_than_the_written_retention_go_and_others_stay(archive: Archive) -> None:
    before = archive.months("effects")
    assert "effects_m201005" in before
    assert await archive.tidy() > 0
    assert archive.months("effects") == {name for name in before if not name.startswith("effects_m2010")}
    assert await archive.tidy() == 0


@pytest.mark.parametrize("state", ["intent", "unknown", "ambiguous"])
async def test_a_month_with_an_unsettled_call_stays_until_it_is_settled(archive: Archive, state: str) -> None:
    archive.effect(state)
    await archive.tidy()
    assert archive.kept() == {"effects_m201005": "a call of this month is not settled"}
    assert archive.run("select count(*) from effects") == [(1,)]
    archive.run("update effects set state = 'ok'")
    await archive.tidy()
    assert "effects_m201005" not in archive.months("effects")


async def test_a_month_that_an_open_hold_refers_to_stays_until_the_hold_is_lifted(archive: Archive) -> None:
    archive.hold()
    archive.effect("ok")
    archive.run(
        "insert into inputs (tenant_id, received_at, input_id, channel, system, topic, source_id, dedup, correlation_id,"
        " shard) values ('a', %s, %s, 'api', 'x', 't', 's', 'd', %s, 1)", OLD, INPUT, CORRELATION,
    )  # fmt: skip
    archive.run(
        "insert into events (tenant_id, recorded_at, event_id, lane, lane_seq, type, subject, data, correlation_id, actor)"
        " values ('a', %s, gen_random_uuid(), 'l', 1, 't', 's', '{}', %s, 'tieline')", OLD, CORRELATION,
    )  # fmt: skip
    archive.run(
        "insert into record_history (tenant_id, recorded_at, kind, record_id, version, source_version, doc, input_id)"
        " values ('a', %s, 'k', 'r', 1, '1', '{}', %s)", OLD, INPUT,
    )  # fmt: skip
    await archive.tidy()
    assert set(archive.kept()) == {"effects_m201005", "inputs_m201005", "events_m201005", "record_history_m201005"}
    archive.run("update holds set lifted_at = now()")
    await archive.tidy()
    assert archive.kept() == {}
    assert "events_m201005" not in archive.months("events")


async def test_D3_keys_against_doubles_are_never_dropped(archive: Archive) -> None:
    archive.run(
        "insert into retention values ('input_keys', interval '1 day', 'a mistake'), ('fact_keys', '1 day', 'same')"
    )
    before = {table: archive.months(table) for table in ("input_keys", "fact_keys", "effect_keys")}
    await archive.tidy()
    assert {table: archive.months(table) for table in before} == before


async def test_F43_a_clock_that_jumped_ahead_drops_nothing_that_is_not_over(archive: Archive) -> None:
    before = {name for name in archive.months("events") if not name.startswith("events_m2010")}
    with psycopg.connect(archive.database.conninfo(roles.SCHEDULER), autocommit=True) as connection:
        for _ in range(20):
            connection.execute("select drop_expired_partitions('2999-01-01T00:00:00Z')")
    assert archive.months("events") == before


async def test_answers_for_repeated_requests_are_kept_for_a_week_and_those_under_way_longer(archive: Archive) -> None:
    for key, age, status in (("old", "8 days", "200"), ("new", "6 days", "200"), ("begun", "8 days", None)):
        archive.run(
            "insert into idempotency (tenant_id, principal_id, operation, key, request_hash, status, created_at)"
            " values ('a', 'p', 'o', %s, 'h', %s, now() - %s::interval)", key, status, age,
        )  # fmt: skip
    async with pool(archive.database.conninfo(roles.SCHEDULER), "scheduler") as made:
        assert await forget_answers(made, "a") == 1
        assert await forget_answers(made, "b") == 0
    assert {key for (key,) in archive.run("select key from idempotency")} == {"new", "begun"}

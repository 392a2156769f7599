"""L5: silence of the duties, and of the monitor itself, is told by `/readyz?verbose`; so is what is wrong with the store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from database import Database
from tieline.adapters.postgres import examination, roles
from tieline.engine.views.liveness import duties_check, feed_check, unfinished_check


@pytest.fixture
async def asked(database: Database) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    async with await psycopg.AsyncConnection.connect(database.conninfo(roles.API), autocommit=True) as connection:
        yield connection


def _run(database: Database, sql: str, *values: Any) -> None:
    with psycopg.connect(database.admin, autocommit=True) as connection:
        connection.execute(sql.encode(), values)


def _duty(database: Database, name: str, ok_s_ago: float, every_s: float = 5, lease_s: float = 3) -> None:
    _run(
        database,
        "insert into duties (duty, every_s, owner, epoch, lease_until, last_ok_at) values (%s, %s, 's1', 1,"
        " now() + make_interval(secs => %s), now() - make_interval(secs => %s))",
        name, every_s, lease_s, ok_s_ago,
    )  # fmt: skip


async def test_L5_a_hub_where_no_scheduler_ever_ran_says_so_and_names_the_command(asked: Any) -> None:
    duties, unfinished = await duties_check(asked), await unfinished_check(asked)
    assert (duties["ok"], duties["seen"]) == (False, "no scheduler has ever run")
    assert "tieline run scheduler" in duties["way_out"]
    assert (unfinished["ok"], unfinished["seen"]) == (False, "nobody has ever looked")


async def test_L5_a_duty_without_a_good_round_for_a_minute_is_told_with_its_error(
    database: Database, asked: Any
) -> None:
    _duty(database, "seal", 61)
    _duty(database, "liveness", 4)
    _run(database, "update duties set last_error = 'The archive cannot be reached.' where duty = 'seal'")
    found = await duties_check(asked)
    assert found["ok"] is False
    assert found["seen"] == "seal silent for 61 s (The archive cannot be reached.)"


async def test_a_duty_that_is_done_once_an_hour_is_not_silent_after_a_minute(database: Database, asked: Any) -> None:
    _duty(database, "retention", 3500, every_s=3600)
    _duty(database, "liveness", 59)
    found = await duties_check(asked)
    assert (found["ok"], found["seen"]) == (True, "2 duties are done in time")
    _run(database, "update duties set last_ok_at = now() - interval '3661 seconds' where duty = 'retention'")
    assert (await duties_check(asked))["ok"] is False


async def test_L5_when_every_scheduler_is_gone_the_way_out_is_to_start_one(database: Database, asked: Any) -> None:
    _duty(database, "seal", 120, lease_s=-117)
    found = await duties_check(asked)
    assert found["seen"].startswith("no scheduler is alive; seal silent for 120 s")
    assert "tieline run scheduler" in found["way_out"]


async def test_L5_a_monitor_that_stands_still_is_an_alarm_of_its_own(database: Database, asked: Any) -> None:
    _run(database, "insert into watches values ('replicas', 0, null, now() - interval '61 seconds', 1)")
    found = await unfinished_check(asked)
    assert (found["ok"], found["seen"]) == (False, "nobody has looked for 61 s")
    _run(database, "update watches set looked_at = now()")
    assert (await unfinished_check(asked))["seen"] == "nothing is late"


async def test_what_is_late_is_told_in_a_sentence_with_its_oldest(database: Database, asked: Any) -> None:
    _run(database, "insert into watches values ('turns', 3, '2026-05-04T11:00:00Z', now(), 1)")
    found = await unfinished_check(asked)
    assert found["seen"] == "3 documents are unfinished and it is nobody's turn, the oldest since 2026-05-04 11:00 UTC"


async def test_F43_clocks_of_process_and_store_that_differ_are_told(asked: Any) -> None:
    fine = await examination.examine(asked, lambda: datetime.now(UTC))
    ahead = await examination.examine(asked, lambda: datetime.now(UTC) + timedelta(seconds=30))
    behind = await examination.examine(asked, lambda: datetime.now(UTC) - timedelta(seconds=30))
    assert {name: check["ok"] for name, check in fine.items()} == dict.fromkeys(
        ("store clock", "months ahead", "retention", "vacuum", "rights"), True
    )
    assert ahead["store clock"]["seen"].startswith(("29.", "30."))
    assert behind["store clock"]["ok"] is False


async def test_a_month_that_nobody_prepared_and_a_right_given_by_hand_are_told(database: Database, asked: Any) -> None:
    month = datetime.now(UTC).replace(day=1) + timedelta(days=32)
    _run(database, f"drop table events_m{month:%Y%m}")
    _run(database, "grant delete on events to tieline_edge")
    found = await examination.examine(asked, lambda: datetime.now(UTC))
    assert found["months ahead"]["seen"] == "missing: events"
    assert found["rights"]["seen"] == "tieline_edge may delete events"


async def test_what_retention_would_drop_and_what_must_stay_is_shown_before(database: Database, asked: Any) -> None:
    _run(database, "select ensure_partitions('2010-05-15T00:00:00Z')")
    _run(
        database,
        "insert into intake (tenant_id, input_id, received_at, shard) values ('a', gen_random_uuid(), '2010-05-15', 1)",
    )
    found = (await examination.examine(asked, lambda: datetime.now(UTC)))["retention"]
    assert found["ok"] is True
    assert "months to be dropped next: " in found["seen"]
    assert "inputs_m201005 stays: an input of this month is not worked in yet" in found["seen"]


def _unsealed(database: Database, count: int, age_s: float) -> None:
    _run(
        database,
        "insert into unsealed select 'acme', 'item:1', n, gen_random_uuid(), now() - make_interval(secs => %s)"
        " from generate_series(1, %s) as n",
        age_s, count,
    )  # fmt: skip


async def test_L5_events_without_a_place_in_the_feed_are_told_with_their_age_although_no_monitor_runs(
    database: Database, asked: Any
) -> None:
    assert (await feed_check(asked))["seen"] == "every event has its place"
    _unsealed(database, 3, 29)
    young = await feed_check(asked)
    _run(database, "update unsealed set recorded_at = now() - interval '31 seconds' where lane_seq = 2")
    old = await feed_check(asked)
    assert (young["ok"], young["seen"]) == (True, "3 events have no place yet, the oldest for 29 s")
    assert (old["ok"], old["seen"]) == (False, "3 events have no place yet, the oldest for 31 s")
    assert "tieline run scheduler" in old["way_out"] and "tieline audit verify" in old["way_out"]


async def test_what_no_contract_shows_has_a_way_out_of_its_own(database: Database, asked: Any) -> None:
    _run(database, "insert into watches values ('feed', 2, now() - interval '1 minute', now(), 1)")
    feed = await unfinished_check(asked)
    _run(database, "insert into watches values ('turns', 1, now(), now(), 1)")
    both = await unfinished_check(asked)
    assert feed["seen"].startswith("2 events have had no place in the feed")
    assert "tieline audit verify" in feed["way_out"] and "tieline list holds" not in feed["way_out"]
    assert "tieline audit verify" in both["way_out"] and "tieline list holds" in both["way_out"]

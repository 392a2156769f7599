"""The steps of an upgrade, taken by the commands: who may work on which store, and what a killed step leaves behind."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from versions import Version, shape, until

from tieline.engine.crashpoints import MIGRATION_POINTS

CONFLICT = 6


def test_a_newer_process_refuses_a_store_that_is_not_prepared_and_says_how_to_prepare_it(
    store: str, next_one: Version
) -> None:
    refused = next_one.run("run", "worker")
    assert refused.returncode == CONFLICT
    assert "this Tieline needs 9001" in refused.stderr
    assert "tieline upgrade --pre" in refused.stderr
    said = next_one.run("upgrade", "--check", "--json")
    assert said.returncode == 3
    assert json.loads(said.stdout)["pending"] == ["9001_pre_wider", "9002_post_narrower"]


def test_F45_between_pre_and_post_both_versions_work_and_post_waits_until_the_older_is_gone(
    store: str, this: Version, next_one: Version
) -> None:
    with this.started("run", "worker") as old:
        until("the older worker has the shards", lambda: _owners(store) == 1)
        prepared = next_one.run("upgrade", "--pre", "--json")
        assert prepared.returncode == 0, prepared.stderr
        assert json.loads(prepared.stdout)["next"] == "post"
        with next_one.started("run", "worker"), this.started("run", "scheduler"):
            until("both share the shards", lambda: _owners(store) == 2)
            until("the older scheduler is there", lambda: any("scheduler" in one for one in _older(next_one)))
            refused = next_one.run("upgrade", "--post")
            assert refused.returncode == CONFLICT
            assert "scheduler of schema" in refused.stderr
            assert "worker of schema" in refused.stderr
        old.send_signal(signal.SIGSTOP)
        asleep = next_one.run("upgrade", "--post")
        assert asleep.returncode == CONFLICT, "a process that stands still may wake up"
    finished = next_one.run("upgrade", "--post", "--json")
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["next"] == ""
    back = this.run("run", "worker")
    assert back.returncode == CONFLICT
    assert "start the newer Tieline, or restore a backup" in back.stderr


def test_F45_after_pre_the_older_version_can_be_started_again_and_checks_nothing_away(
    store: str, this: Version, next_one: Version
) -> None:
    assert next_one.run("upgrade", "--pre").returncode == 0
    prepared = shape(store)
    assert this.run("upgrade", "--pre").returncode == 0
    assert this.run("upgrade", "--post").returncode == 0
    assert this.run("upgrade", "--check").returncode == 0
    assert shape(store) == prepared
    with this.started("run", "worker"), next_one.started("run", "worker"):
        until("both share the shards", lambda: _owners(store) == 2)


def test_a_process_that_the_store_has_left_behind_ends_by_itself_and_says_why(store: str, this: Version) -> None:
    """It lay cut off while the last step was taken, so nobody saw it."""
    with this.started("run", "worker") as old:
        until("the worker has the shards", lambda: _owners(store) == 1)
        with psycopg.connect(store, autocommit=True) as connection:
            connection.execute("insert into schema_changes (number, name, phase) values ('9002', 'narrower', 'post')")
        _, words = old.communicate(timeout=20)
        assert old.returncode == CONFLICT
        assert "was upgraded to schema 9002 for good" in words


@pytest.mark.parametrize("step", ["--pre", "--post"])
def test_F25_a_step_that_is_killed_anywhere_is_taken_up_again_and_ends_as_if_it_had_not_been(
    lay: Callable[[], str], this: Version, next_one: Version, step: str
) -> None:
    store = lay()
    _steps_before(next_one, step)
    assert next_one.run("upgrade", step).returncode == 0
    uninterrupted = shape(store)
    lay()
    _steps_before(next_one, step)
    for point in MIGRATION_POINTS:
        killed = next_one.run("upgrade", step, crash=point)
        assert killed.returncode == -signal.SIGKILL, f"{point}: {killed.stderr}"
        if step == "--pre":
            assert this.run("upgrade", "--check").returncode == 0, f"{point}: the older version is shut out"
    assert next_one.run("upgrade", step).returncode == 0
    assert shape(store) == uninterrupted


def _steps_before(version: Version, step: str) -> None:
    if step == "--post":
        assert version.run("upgrade", "--pre").returncode == 0


def test_pre_keeps_the_functions_of_the_older_version_and_post_takes_them_away(store: str, next_one: Version) -> None:
    assert next_one.run("upgrade", "--pre").returncode == 0
    assert _functions(store, "open") == {"circuits_open()", "open_circuits()"}
    assert next_one.run("upgrade", "--post").returncode == 0
    assert _functions(store, "open") == {"circuits_open()"}


def test_a_step_waits_for_whoever_works_and_nobody_waits_for_it(store: str, next_one: Version) -> None:
    """A long transaction holds the table; others get their turn while the step waits for it."""
    with psycopg.connect(store) as long, psycopg.connect(store, autocommit=True) as others:
        long.execute("select count(*) from lanes")
        others.execute("set statement_timeout = '4s'")
        with next_one.started("upgrade", "--pre") as step:
            until("the step waits", lambda: _waiting(store))
            for _ in range(20):
                others.execute("update lanes set lane = lane")
            assert step.poll() is None
            long.rollback()
            until("the step is done", lambda: step.poll() is not None)
            assert step.returncode == 0


def _owners(store: str) -> int:
    return int(_one(store, "select count(distinct owner) from shards where owner in (select worker_id from workers)"))


def _older(version: Version) -> list[str]:
    found: list[str] = json.loads(version.run("upgrade", "--check", "--json").stdout)["older"]
    return found


def _functions(store: str, word: str) -> set[str]:
    with psycopg.connect(store) as connection:
        rows = connection.execute(
            "select oid::regprocedure::text from pg_proc where proname like %s", (f"%{word}%circ%",)
        )
        more = connection.execute(
            "select oid::regprocedure::text from pg_proc where proname like %s", (f"%circ%{word}%",)
        )
        return {name for (name,) in (*rows.fetchall(), *more.fetchall())}


def _waiting(store: str) -> bool:
    return bool(_one(store, "select count(*) from pg_locks where not granted and relation = 'lanes'::regclass"))


def _one(store: str, question: str) -> Any:
    with psycopg.connect(store) as connection:
        row = connection.execute(question.encode()).fetchone()
    assert row is not None
    return row[0]

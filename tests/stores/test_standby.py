"""Two servers, one of which takes writes: what was confirmed outlives either of them (F32, L1)."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tieline.adapters.postgres import launcher, roles, standby
from tieline.kit.errors import Conflict

Pair = tuple[launcher.Embedded, launcher.Embedded]


@pytest.fixture
def homes() -> Iterator[tuple[Path, Path]]:
    folder = Path(tempfile.mkdtemp(prefix="tieline-pair-"))
    folder.chmod(0o711)
    yield folder / "a", folder / "b"
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def pair(homes: tuple[Path, Path]) -> Iterator[Pair]:
    """A primary and its standby, in step, with an empty table."""
    primary = launcher.start(homes[0])
    following = standby.follow(primary, homes[1])
    try:
        with psycopg.connect(primary.conninfo(roles.ADMIN)) as connection:
            connection.execute("create table kept (n int)")
        standby.watch(primary)
        yield primary, following
    finally:
        following.stop()
        primary.stop()


class Writer(threading.Thread):
    """Commits one number after the other through `both` and remembers what was confirmed, whatever happens to the servers."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.url, self.confirmed, self.ending = url, list[tuple[int, float]](), threading.Event()

    def run(self) -> None:
        n = 0
        while not self.ending.is_set():
            try:
                with psycopg.connect(self.url, autocommit=True) as connection:
                    while not self.ending.is_set():
                        n += 1
                        connection.execute("insert into kept values (%s)", (n,))
                        self.confirmed.append((n, time.monotonic()))
            except psycopg.OperationalError:
                self.ending.wait(0.02)

    def until(self, count: int) -> None:
        end = time.monotonic() + 30
        while len(self.confirmed) < count:
            assert time.monotonic() < end, "the writer confirmed nothing more"
            self.ending.wait(0.01)


def numbers(server: launcher.Embedded) -> set[int]:
    with psycopg.connect(server.conninfo(roles.ADMIN)) as connection:
        return {n for (n,) in connection.execute("select n from kept")}


def test_L1_F32_every_confirmed_commit_outlives_the_primary_and_clients_find_the_standby_by_themselves(
    pair: Pair, homes: tuple[Path, Path]
) -> None:
    primary, following = pair
    writer = Writer(standby.both(pair))
    writer.start()
    writer.until(100)
    os.kill(primary.pid, signal.SIGKILL)
    killed = time.monotonic()
    before = len(writer.confirmed)
    standby.fence(primary, following)
    standby.promote(following)
    writer.until(before + 50)
    took = next(at for _, at in writer.confirmed[before:] if at > killed) - killed
    assert took < 8
    returned = standby.follow(following, homes[0])  # the former primary, built anew
    standby.watch(following)
    writer.until(len(writer.confirmed) + 20)
    writer.ending.set()
    writer.join(10)
    assert numbers(following) >= {n for n, _ in writer.confirmed}
    _both_hold_the_same(following, returned)
    returned.stop()


def _both_hold_the_same(one: launcher.Embedded, other: launcher.Embedded) -> None:
    end = time.monotonic() + 10
    while numbers(one) != numbers(other):
        assert time.monotonic() < end


def test_L1_without_its_standby_a_primary_confirms_nothing_until_a_person_releases_it(pair: Pair) -> None:
    primary, following = pair
    following.stop()
    writer = Writer(primary.conninfo(roles.ADMIN))
    writer.start()
    writer.join(0.7)
    assert writer.confirmed == []
    standby.release(primary)
    writer.until(3)
    writer.ending.set()
    writer.join(10)


def test_D5_a_fenced_primary_that_is_started_again_takes_no_writes(pair: Pair, homes: tuple[Path, Path]) -> None:
    primary, following = pair
    standby.fence(primary, following)
    standby.promote(following)
    woken = launcher.start(homes[0])
    try:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), psycopg.connect(woken.conninfo(roles.ADMIN)) as old:
            old.execute("insert into kept values (0)")
        with psycopg.connect(standby.both((woken, following)), autocommit=True) as found:
            found.execute("insert into kept values (1)")
        assert numbers(following) == {1}
    finally:
        woken.stop()


def test_a_standby_is_not_built_where_a_server_runs(pair: Pair, homes: tuple[Path, Path]) -> None:
    primary, _ = pair
    with pytest.raises(Conflict, match="stop it"):
        standby.follow(primary, homes[1])

"""A backup is good when the way back was gone: to any instant since, with what came later gone and nothing else (F40)."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from tieline.adapters.postgres import backup, launcher, roles
from tieline.kit.errors import Conflict, NotFound


@pytest.fixture
def place() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="tieline-backup-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def write(server: launcher.Embedded, n: int) -> datetime:
    """An instant at which rows up to `n` are there and no later one."""
    with psycopg.connect(server.conninfo(roles.ADMIN), autocommit=True) as connection:
        connection.execute("insert into kept values (%s)", (n,))
        row = connection.execute("select clock_timestamp()").fetchone()
    assert row is not None
    instant: datetime = row[0]
    return instant


def rows(home: Path) -> list[int]:
    server = launcher.start(home)
    try:
        with psycopg.connect(server.conninfo(roles.ADMIN)) as connection:
            return [n for (n,) in connection.execute("select n from kept order by n")]
    finally:
        server.stop()


def test_F40_a_server_comes_back_as_it_was_at_an_instant_between_two_commits(place: Path) -> None:
    home = place / "home"
    server = launcher.start(home)
    with psycopg.connect(server.conninfo(roles.ADMIN)) as connection:
        connection.execute("create table kept (n int)")
    write(server, 1)
    backup.backup(server, place / "safe")
    write(server, 2)
    wanted = write(server, 3)
    write(server, 4)
    backup.flush(server)
    write(server, 5)  # this one is only in the server's own folder
    with pytest.raises(Conflict, match="stop it"):
        backup.restore(home, place / "safe", wanted)
    os.kill(server.pid, signal.SIGKILL)
    server.stop()
    former = backup.restore(home, place / "safe", wanted)
    assert rows(home) == [1, 2, 3]
    assert former.exists()
    again = launcher.start(home)
    write(again, 6)
    second = backup.backup(again, place / "safe")
    again.stop()
    assert second.since > wanted
    assert rows(home) == [1, 2, 3, 6]


def test_a_restore_to_before_the_first_copy_is_refused_and_changes_nothing(place: Path) -> None:
    server = launcher.start(place / "home")
    with psycopg.connect(server.conninfo(roles.ADMIN)) as connection:
        connection.execute("create table kept (n int)")
    write(server, 1)
    backup.backup(server, place / "safe")
    server.stop()
    with pytest.raises(NotFound, match="no copy from before"):
        backup.restore(place / "home", place / "safe", datetime.now(UTC) - timedelta(days=1))
    assert rows(place / "home") == [1]

"""The embedded server after every kind of end: an ordered one, a killed hub, a killed server, a lost machine."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tieline.adapters.postgres import launcher, migrate, postmaster, roles
from tieline.adapters.postgres.durability import check_durability
from tieline.adapters.postgres.runas import own_name
from tieline.kit.errors import Conflict, Unavailable

_HUB = """
import sys, pathlib, psycopg
from tieline.adapters.postgres import launcher, roles
running = launcher.start(pathlib.Path(sys.argv[1]))
with psycopg.connect(running.conninfo(roles.ADMIN)) as conn:
    conn.execute("create table if not exists kept (n int)")
    conn.execute("insert into kept values (1)")
print(running.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="tieline-launch-"))
    folder.chmod(0o711)
    yield folder
    folders = launcher.locate(folder, launcher.server_user())
    if folders.pid_file.exists() and postmaster.look(folders).state is postmaster.State.READY:
        postmaster.stop(folders, None)
    shutil.rmtree(folder, ignore_errors=True)


def _rows(running: launcher.Embedded) -> int:
    with psycopg.connect(running.conninfo(roles.ADMIN)) as conn:
        row = conn.execute("select count(*) from kept").fetchone()
    assert row is not None
    return int(row[0])


def _hub_that_was_killed(home: Path) -> int:
    """A hub in a process of its own commits one row and is killed. The server's process id."""
    hub = subprocess.Popen([sys.executable, "-c", _HUB, home], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert hub.stdout is not None
    server = int(hub.stdout.readline())
    hub.kill()
    hub.communicate()
    return server


def test_L1_the_server_of_a_killed_hub_is_adopted_with_everything_that_was_committed(home: Path) -> None:
    server = _hub_that_was_killed(home)
    running = launcher.start(home)
    assert (running.adopted, running.pid, _rows(running)) == (True, server, 1)
    running.stop()


def test_L1_a_killed_server_comes_back_with_everything_that_was_committed(home: Path) -> None:
    server = _hub_that_was_killed(home)
    os.kill(server, signal.SIGKILL)
    running = launcher.start(home)
    assert (running.adopted, _rows(running)) == (False, 1)
    assert running.pid != server
    running.stop()


def test_L1_a_pid_file_whose_number_now_belongs_to_another_program_does_not_stop_the_start(home: Path) -> None:
    launcher.start(home).stop()
    folders = launcher.locate(home, launcher.server_user())
    ours = os.getpid()
    folders.pid_file.write_text(f"{ours}\n{folders.data}\n1\n5432\n{folders.socket}\n\n 1 1\nready\n")
    (folders.socket / ".s.PGSQL.5432.lock").write_text(f"{ours}\n{folders.data}\n1\n5432\n{folders.socket}\n")
    running = launcher.start(home)
    assert not running.adopted
    running.stop()


def test_L1_a_machine_that_died_while_the_folder_was_being_made_starts_afresh(home: Path) -> None:
    launcher.start(home).stop()
    folders = launcher.locate(home, launcher.server_user())
    folders.data.rename(folders.root / "data.new")
    (folders.root / "data.new" / "PG_VERSION").unlink()
    running = launcher.start(home)
    assert folders.data.exists()
    running.stop()


def test_two_hubs_never_share_one_home(home: Path) -> None:
    running = launcher.start(home)
    with pytest.raises(Conflict, match=f"Another hub \\(process {os.getpid()}\\) already uses"):
        launcher.start(home)
    assert launcher.attach(home).pid == running.pid
    running.stop()
    with pytest.raises(Unavailable, match="No hub is running"):
        launcher.attach(home)


def test_the_server_listens_on_a_private_socket_only_and_never_runs_as_root(home: Path) -> None:
    running = launcher.start(home)
    folder = running.folders.socket
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    with psycopg.connect(running.conninfo(roles.ADMIN)) as conn:
        assert conn.execute("show listen_addresses").fetchone() == ("",)
        check_durability(conn)
    assert running.folders.data.stat().st_uid != 0
    running.stop()


def test_X9_no_other_user_of_the_machine_gets_in_not_even_the_servers_own(home: Path) -> None:
    running = launcher.start(home)
    access = (running.folders.data / "pg_hba.conf").read_text().splitlines()
    lines = [line.split() for line in (running.folders.data / "pg_ident.conf").read_text().splitlines()]
    assert access == ["local all all peer map=tieline", "local replication tieline_standby peer map=standby"]
    assert {user for name, user, _ in lines if name == "tieline"} == {f'"{own_name()}"'}
    assert {role for name, _, role in lines if name == "standby"} == {"tieline_standby"}  # a copy of the server, no SQL
    run_as = launcher.server_user()
    if run_as is not None:  # as root we can try it as well
        psql = launcher.bin_folder(run_as) / "psql"
        for role in (roles.ADMIN, roles.WORKER):
            tried = subprocess.run(
                [psql, running.conninfo(role), "-c", "select 1"],
                capture_output=True, text=True, check=False, env=postmaster.environment(), **run_as.popen(),
            )  # fmt: skip
            assert "Peer authentication failed" in tried.stderr
    running.stop()


def test_a_folder_of_somebody_else_is_refused_and_not_taken_over(home: Path) -> None:
    (home / "postgres").mkdir(mode=0o755)
    (home / "postgres").chmod(0o755)
    with pytest.raises(Unavailable, match="move it away and start again"):
        launcher.start(home)
    assert stat.S_IMODE((home / "postgres").stat().st_mode) == 0o755


def test_a_long_path_still_gets_a_socket(home: Path) -> None:
    deep = home / ("a-long-name-" * 8)
    running = launcher.start(deep)
    assert len(str(running.folders.socket)) < 60
    assert stat.S_IMODE(running.folders.socket.stat().st_mode) == 0o700
    running.stop()
    running.folders.socket.rmdir()


def test_data_of_another_major_version_is_named_and_left_alone(home: Path) -> None:
    running = launcher.start(home)
    running.stop()
    (running.folders.data / "PG_VERSION").write_text("15\n")
    with pytest.raises(Unavailable, match="is of PostgreSQL 15, this Tieline carries 18"):
        launcher.start(home)


def test_L1_a_server_that_may_lose_what_it_confirmed_is_refused(home: Path) -> None:
    running = launcher.start(home)
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        with psycopg.connect(running.conninfo(roles.ADMIN), autocommit=True) as conn:
            conn.execute(f"alter system set {setting} = off")
            conn.execute("select pg_reload_conf()")
        with (
            psycopg.connect(running.conninfo(roles.ADMIN)) as conn,
            pytest.raises(Unavailable, match=f"because {setting} is off: set it to on"),
        ):
            check_durability(conn)
        with psycopg.connect(running.conninfo(roles.ADMIN), autocommit=True) as conn:
            conn.execute(f"alter system reset {setting}")
            conn.execute("select pg_reload_conf()")
    running.stop()


def test_an_external_server_needs_no_superuser_and_gives_each_component_its_role(home: Path) -> None:
    running = launcher.start(home)
    with psycopg.connect(running.conninfo(roles.ADMIN), autocommit=True) as conn:
        conn.execute("create role tieline_login login createrole")
        conn.execute("create database firm owner tieline_login")
    socket = str(running.folders.socket).replace("/", "%2F")
    outside = launcher.external(f"postgresql://tieline_login@{socket}/firm")
    assert migrate.migrate(outside.conninfo(roles.ADMIN)) is True
    assert migrate.migrate(outside.conninfo(roles.ADMIN)) is False
    with psycopg.connect(outside.conninfo(roles.WORKER)) as conn:
        assert conn.execute("select current_user").fetchone() == ("tieline_worker",)
        assert conn.execute("select * from claim_dirty('{1}', 5)").fetchall() == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("select * from principals")
    running.stop()

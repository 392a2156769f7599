"""Starts, adopts and stops the embedded PostgreSQL; or points at a server by URL. The rest sees only a `Cluster`.

Restart works after every end: an ordered one, a killed hub (its server is adopted), a killed server (crash recovery), a lost
machine (stale pid file). Two hubs never share one data folder: a file lock, held as long as the hub lives.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tieline.adapters.postgres import postmaster, roles, serverconf
from tieline.adapters.postgres.binaries import bin_folder
from tieline.adapters.postgres.folders import Folders, locate, prepare
from tieline.adapters.postgres.postmaster import State
from tieline.adapters.postgres.runas import RunAs, own_name, server_user
from tieline.kit.errors import Conflict, Unavailable

DATABASE = "tieline"
_PATIENCE_S = 300.0  # crash recovery after a long checkpoint interval
_LINGER_S = 20.0  # how long backends of a killed server may take to notice
_PAUSE_S = 0.01
# A network that swallows packets is noticed within a quarter of a minute, not after hours (F44). What the URL says wins.
_NOTICED = {"keepalives_idle": 10, "keepalives_interval": 3, "keepalives_count": 3, "tcp_user_timeout": 15_000}


class Cluster(Protocol):
    """Where the database is. `role` is one of `roles`; `stop` is a no-op for a server that is not ours."""

    def conninfo(self, role: str, database: str | None = None) -> str: ...

    def stop(self) -> None: ...


@dataclass(slots=True, kw_only=True)
class Embedded:
    """A running embedded server. `adopted`: it was left by a hub that died."""

    folders: Folders
    adopted: bool
    pid: int
    _lock: IO[str] | None = None
    _child: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def conninfo(self, role: str, database: str | None = None) -> str:
        return make_conninfo("", host=str(self.folders.socket), port=5432, user=role, dbname=database or DATABASE)

    def stop(self) -> None:
        """Only the hub that holds the lock stops the server; one that merely attached leaves it alone."""
        if self._lock is None:
            return
        postmaster.stop(self.folders, self._child)
        self._lock.close()
        self._lock = None


@dataclass(frozen=True, slots=True, kw_only=True)
class External:
    """A server by URL. Its user becomes the component's role at connect, so one login serves all components."""

    url: str = field(repr=False)

    def conninfo(self, role: str, database: str | None = None) -> str:
        given = conninfo_to_dict(self.url)
        options = [str(given.pop("options", ""))] if role == roles.ADMIN else [f"-c role={role}"]
        changes = {"options": " ".join(filter(None, options)), "dbname": database or given.get("dbname") or DATABASE}
        return make_conninfo(self.url, **{**_NOTICED, **given, **changes})

    def stop(self) -> None:
        return


def external(url: str) -> External:
    """Any server from PostgreSQL 15 on; `migrate` checks its version and its durability."""
    return External(url=url)


def start(home: Path) -> Embedded:
    """A running server for `home`, started or adopted, with an empty database `tieline` if it is new. Blocks until ready.

    Raises Conflict when another hub has it, Unavailable with the reason when it cannot run.
    """
    run_as = server_user()
    folders = locate(home, run_as)
    prepare(home, folders, run_as)
    lock = _lock(folders)
    try:
        binaries = bin_folder(run_as)
        _initialise(folders, binaries, run_as)
        changed = serverconf.write(folders, own_name(), run_as)
        if changed and postmaster.look(folders).state is State.READY:
            postmaster.stop(folders, None)
        child = _ensure_running(folders, binaries, run_as)
        cluster = Embedded(
            folders=folders, adopted=child is None, pid=postmaster.look(folders).pid, _lock=lock, _child=child
        )
        _ensure_database(cluster)
    except BaseException:
        lock.close()
        raise
    return cluster


def attach(home: Path) -> Embedded:
    """The server that a hub of this machine runs for `home`, without owning it. Raises Unavailable when there is none."""
    folders = locate(home, server_user())
    found = postmaster.look(folders)
    if found.state is not State.READY:
        raise Unavailable(f"No hub is running in {home}: start one with `tieline up`", code="database_unavailable")
    return Embedded(folders=folders, adopted=True, pid=found.pid)


def _lock(folders: Folders) -> IO[str]:
    handle = folders.lock.open("a+")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.seek(0)
        owner = handle.read().strip() or "unknown"
        handle.close()
        raise Conflict(
            f"Another hub (process {owner}) already uses {folders.root.parent}: stop it, or choose another TIELINE_HOME",
            code="home_in_use",
        ) from None
    handle.truncate(0)
    handle.write(str(os.getpid()))
    handle.flush()
    return handle


def _initialise(folders: Folders, binaries: Path, run_as: RunAs | None) -> None:
    """initdb beside and rename: a machine that dies in between leaves nothing that looks like a database."""
    if folders.data.exists():
        _same_major(folders, binaries)
        return
    fresh = folders.root / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    order = "-U postgres --encoding=UTF8 --locale=C --data-checksums --auth=peer --no-instructions"
    made = subprocess.run(
        [binaries / "initdb", "-D", fresh, *order.split()],
        cwd=folders.root,
        env=postmaster.environment(),
        capture_output=True,
        check=False,
        **({} if run_as is None else run_as.popen()),
    )
    if made.returncode != 0:
        raise Unavailable(
            f"PostgreSQL could not create its data folder in {folders.root}: {_last(made.stderr)}",
            code="database_unavailable",
        )
    fresh.rename(folders.data)


def _same_major(folders: Folders, binaries: Path) -> None:
    had = (folders.data / "PG_VERSION").read_text().strip()
    shown = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=True)
    have = shown.stdout.split()[2].split(".")[0]
    if had != have:
        raise Unavailable(
            f"The data in {folders.data} is of PostgreSQL {had}, this Tieline carries {have}: "
            "dump it with the old version and restore it with this one",
            code="database_version",
        )


def _ensure_running(folders: Folders, binaries: Path, run_as: RunAs | None) -> subprocess.Popen[bytes] | None:
    """Until ready: spawn when there is no server, wait when one is starting or stopping. None: it ran already."""
    deadline = time.monotonic() + _PATIENCE_S
    linger_until = time.monotonic() + _LINGER_S
    child: subprocess.Popen[bytes] | None = None
    while time.monotonic() < deadline:
        found = postmaster.look(folders)
        if found.state is State.READY:
            return child if child is not None and child.pid == found.pid else None
        if child is not None and child.poll() is not None:
            _judge_failed_start(folders, time.monotonic() > linger_until)
            child = None
            time.sleep(_PAUSE_S * 5)
            continue  # its pid file went with it: look again
        if found.state in (State.ABSENT, State.STALE) and child is None:
            postmaster.forget(folders)
            child = postmaster.spawn(folders, binaries, run_as)
        time.sleep(_PAUSE_S)
    raise Unavailable(
        f"PostgreSQL in {folders.data} was not ready after {_PATIENCE_S:.0f} s", code="database_unavailable"
    )


# What the newcomer says, and what the former server's last processes say; either may come last.
_LINGERING = (b"shared memory block", b"unexpected postmaster exit")


def _judge_failed_start(folders: Folders, late: bool) -> None:
    """Backends of a killed server need a moment to notice; everything else will not pass by itself."""
    tail = folders.log.read_bytes()[-4000:]
    if late or not any(sign in tail for sign in _LINGERING):
        reason = _last(tail)
        raise Unavailable(f"PostgreSQL does not start: {reason} (see {folders.log})", code="database_unavailable")


def _last(output: bytes) -> str:
    lines = [line for line in output.decode(errors="replace").splitlines() if line.strip()]
    fatal = [line for line in lines if "FATAL" in line or "error:" in line]
    return (fatal or lines or ["no reason given"])[-1].strip()


def _ensure_database(cluster: Embedded) -> None:
    with psycopg.connect(cluster.conninfo(roles.ADMIN, "postgres"), autocommit=True) as conn:
        known = conn.execute("select 1 from pg_database where datname = %s", (DATABASE,)).fetchone()
        if known is None:
            conn.execute(f'create database "{DATABASE}"')

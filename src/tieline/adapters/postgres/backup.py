"""Backup while the hub works, and the way back to any instant since: a copy of the server, and every change written after it.

    FOLDER/base-20261124T180000.000000Z/   copies, each named by the instant from which on it is good
    FOLDER/wal/                            what was written since, segment by segment, one at least every minute

The folder belongs to the server's user. Put it on another disk than the server, and carry it away from the machine.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from tieline.adapters.postgres import launcher, postmaster, roles, standby
from tieline.adapters.postgres.folders import locate, prepare, private
from tieline.adapters.postgres.postmaster import State
from tieline.adapters.postgres.runas import RunAs, server_user
from tieline.kit.errors import Conflict, NotFound, Unavailable

_STAMP = "base-%Y%m%dT%H%M%S.%fZ"
_EVERY_S = 60  # how long a change may wait for its segment to be kept
_PATIENCE_S = 600.0
_PAUSE_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """`since`: from this instant on the server can be brought back with it."""

    path: Path
    since: datetime


def backup(server: launcher.Embedded, folder: Path) -> Copy:
    """Keep every change from now on, and take a copy. The server goes on working. Raises Unavailable with the reason."""
    run_as, folder = server_user(), folder.absolute()
    _prepare(folder, run_as)
    keep_changes(server, folder)
    standby.allow(server)
    fresh = folder / f"making-{time.time_ns()}"
    try:
        standby.copy(server, fresh, run_as, wait_s=24 * 3600.0)
        since = _now(server)
        done = folder / since.strftime(_STAMP)
        fresh.rename(done)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return Copy(path=done, since=since)


def keep_changes(server: launcher.Embedded, folder: Path) -> None:
    """Every finished segment is copied, flushed and only then named; one that is there already is never overwritten."""
    kept = f"{folder}/wal/%f"
    if "'" in kept or '"' in kept or "%" in str(folder):
        raise Conflict(f"The path {folder} holds a quote or a percent sign: choose another folder.")
    order = f'test ! -f "{kept}" && cp "%p" "{kept}.part" && sync && mv "{kept}.part" "{kept}"'
    standby.set_live(server, {"archive_command": order, "archive_timeout": f"{_EVERY_S}s"})


def flush(server: launcher.Embedded, patience_s: float = 60.0) -> None:
    """Everything that is committed now is in the folder when this returns."""
    with psycopg.connect(server.conninfo(roles.ADMIN), autocommit=True) as connection:
        row = connection.execute("select pg_walfile_name(pg_switch_wal())").fetchone()
        assert row is not None, "a function answers"
        end = time.monotonic() + patience_s
        while not (connection.execute(_KEPT, (row[0],)).fetchone() or (False,))[0]:
            if time.monotonic() > end:
                raise Unavailable("The newest changes could not be put into the backup folder: see the server's log.")
            time.sleep(_PAUSE_S)


def copies(folder: Path) -> list[Copy]:
    """All whole copies, oldest first."""
    found = [
        Copy(path=path, since=datetime.strptime(path.name, _STAMP).replace(tzinfo=UTC))
        for path in folder.glob("base-*")
    ]
    return sorted(found, key=lambda one: one.since)


def restore(home: Path, folder: Path, to: datetime) -> Path:
    """Bring the server of `home` to the state of `to`, and leave it stopped. Answers where the former state lies.

    Raises Conflict while a hub runs there, NotFound when no copy is old enough, Unavailable when the changes end before `to`.
    """
    run_as, folder = server_user(), folder.absolute()
    folders = locate(home, run_as)
    if postmaster.look(folders).state in (State.READY, State.BUSY):
        raise Conflict(f"A hub runs in {home}: stop it before it is restored.", code="home_in_use")
    usable = [one for one in copies(folder) if one.since <= to]
    if not usable:
        raise NotFound(
            f"{folder} holds no copy from before {to.isoformat()}: choose a later instant or another folder."
        )
    prepare(home, folders, run_as)
    former = folders.root / f"data.before-{time.time_ns()}"
    if folders.data.exists():
        folders.data.rename(former)
    _laid(usable[-1].path, folders.data, run_as)
    standby.settings(folders.data, _recovery(folder, former, to), run_as)
    standby.owned(folders.data / "recovery.signal", "", run_as)
    _recovered(home)
    return former


def _recovered(home: Path) -> None:
    """Until the server has come to the instant and takes writes; then it is stopped, and its recovery is over."""
    running = launcher.start(home)
    try:
        end = time.monotonic() + _PATIENCE_S
        while _recovering(running):
            if time.monotonic() > end:
                raise Unavailable(f"The server was not restored within {_PATIENCE_S:.0f} s; see {running.folders.log}")
            time.sleep(_PAUSE_S)
        standby.set_live(running, {"archive_command": "true"})  # a new backup begins a new line of changes
    finally:
        running.stop()
    run_as = server_user()
    standby.settings(running.folders.data, {}, run_as)


def _recovering(server: launcher.Embedded) -> bool:
    with psycopg.connect(server.conninfo(roles.ADMIN), autocommit=True) as connection:
        row = connection.execute("select pg_is_in_recovery()").fetchone()
    return bool(row and row[0])


def _recovery(folder: Path, former: Path, to: datetime) -> dict[str, str]:
    """What the folder lacks of the last minute may still lie in the former server's own folder."""
    return {
        "restore_command": f'cp "{folder}/wal/%f" "%p" || cp "{former}/pg_wal/%f" "%p"',
        "recovery_target_time": to.astimezone(UTC).isoformat(),
        "recovery_target_action": "promote",
        "archive_command": "true",
    }


def _laid(copy: Path, data: Path, run_as: RunAs | None) -> None:
    """Beside and renamed: a machine that dies in between leaves nothing that looks like a database."""
    fresh = data.parent / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(copy, fresh, symlinks=True)
    if run_as is not None:
        for path in [fresh, *fresh.rglob("*")]:
            shutil.chown(path, run_as.uid, run_as.gid)
    fresh.chmod(0o700)
    fresh.rename(data)


def _prepare(folder: Path, run_as: RunAs | None) -> None:
    folder.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    private(folder, run_as)
    private(folder / "wal", run_as)


def _now(server: launcher.Embedded) -> datetime:
    with psycopg.connect(server.conninfo(roles.ADMIN), autocommit=True) as connection:
        row = connection.execute("select clock_timestamp()").fetchone()
    assert row is not None, "a function answers"
    now: datetime = row[0]
    return now.astimezone(UTC)


_KEPT = "select coalesce(last_archived_wal >= %s, false) from pg_stat_archiver"

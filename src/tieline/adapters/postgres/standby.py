"""A second embedded server that holds every confirmed commit, and takes over when the first is gone (F32, RPO 0).

The primary confirms a commit only when the standby has flushed it. So a primary that is cut off confirms nothing any more,
and whatever an answer 2xx stands for survives the loss of either server. While one of the two is being built anew there
is no second copy: `watched` says when there is again.

Clients name both servers with `target_session_attrs=read-write` (`both`) and find the one that takes writes by themselves.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tieline.adapters.postgres import launcher, postmaster, roles
from tieline.adapters.postgres.binaries import bin_folder
from tieline.adapters.postgres.folders import Folders, locate, prepare
from tieline.adapters.postgres.postmaster import State
from tieline.adapters.postgres.runas import RunAs, server_user
from tieline.kit.errors import Conflict, Unavailable

_PATIENCE_S = 60.0
_PAUSE_S = 0.02
_CONNECT_S = 2


def both(servers: Sequence[launcher.Embedded]) -> str:
    """A `database.url` that leads to whichever of `servers` takes writes."""
    sockets = ",".join(str(server.folders.socket) for server in servers)
    return make_conninfo(
        "", host=sockets, port=",".join(["5432"] * len(servers)), user=roles.ADMIN, dbname=launcher.DATABASE,
        target_session_attrs="read-write", connect_timeout=_CONNECT_S,
    )  # fmt: skip


def follow(primary: launcher.Embedded, home: Path) -> launcher.Embedded:
    """A running standby of `primary` in `home`, built from nothing: a database that was there is gone.

    Raises Unavailable when the copy cannot be made. The primary does not wait for it until `watch`.
    """
    run_as = server_user()
    folders = locate(home, run_as)
    prepare(home, folders, run_as)
    if postmaster.look(folders).state in (State.READY, State.BUSY):
        raise Conflict(f"A server runs on {folders.data}: stop it before a standby is built in its place.")
    allow(primary)
    fresh = folders.root / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    copy(primary, fresh, run_as)
    settings(fresh, {"primary_conninfo": _leading_to(primary.folders)}, run_as)
    owned(fresh / "standby.signal", "", run_as)
    shutil.rmtree(folders.data, ignore_errors=True)
    fresh.rename(folders.data)
    return launcher.start(home)


def watch(primary: launcher.Embedded, patience_s: float = _PATIENCE_S) -> None:
    """From now on a commit is confirmed when the standby has it, too. Blocks until both are in step."""
    with psycopg.connect(primary.conninfo(roles.ADMIN), autocommit=True) as connection:
        _set(connection, "synchronous_standby_names", roles.STANDBY)
        _until("the standby is in step with the primary", lambda: _watched(connection), patience_s)


def watched(primary: launcher.Embedded) -> bool:
    """Whether every confirmed commit stands on two servers at this moment."""
    with psycopg.connect(primary.conninfo(roles.ADMIN), autocommit=True, connect_timeout=_CONNECT_S) as connection:
        return _watched(connection)


def release(primary: launcher.Embedded) -> None:
    """The standby is gone for long: go on with one copy. Until this is said, nothing is confirmed without the second."""
    with psycopg.connect(primary.conninfo(roles.ADMIN), autocommit=True) as connection:
        _set(connection, "synchronous_standby_names", "")


def fence(former: launcher.Embedded, successor: launcher.Embedded) -> None:
    """The former primary takes no writes any more, now or after a start: it is ended at once, and may only follow.

    Call it before `promote` whenever the former primary's machine can be reached.
    """
    postmaster.cut_off(former.folders)
    run_as = server_user()
    owned(former.folders.data / "standby.signal", "", run_as)
    settings(former.folders.data, {"primary_conninfo": _leading_to(successor.folders)}, run_as)
    former.stop()


def promote(standby: launcher.Embedded) -> None:
    """The standby takes writes from now on, alone. Blocks until it does."""
    with psycopg.connect(standby.conninfo(roles.ADMIN), autocommit=True) as connection:
        done = connection.execute("select pg_promote(true, %s)", (int(_PATIENCE_S),)).fetchone()
    if done != (True,):
        raise Unavailable(f"The standby in {standby.folders.data} was not promoted within {_PATIENCE_S:.0f} s.")


def copy(server: launcher.Embedded, target: Path, run_as: RunAs | None, wait_s: float = 600.0) -> None:
    """A consistent copy of the whole server, taken while it works. Raises Unavailable with the reason."""
    order = f"-h {server.folders.socket} -p 5432 -U {roles.STANDBY} --checkpoint=fast -X stream --no-password".split()
    made = subprocess.run(
        [bin_folder(run_as) / "pg_basebackup", "-D", target, *order], cwd=target.parent, env=postmaster.environment(),
        capture_output=True, check=False, timeout=wait_s, **({} if run_as is None else run_as.popen()),
    )  # fmt: skip
    if made.returncode:
        raise Unavailable(
            f"The copy of {server.folders.data} was not made: {made.stderr.decode(errors='replace').strip()}",
            code="database_unavailable",
        )


def settings(data: Path, values: dict[str, str], run_as: RunAs | None) -> None:
    """The server's settings that are its own and not of every embedded server. What stood there before is gone."""
    lines = [f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in values.items()]
    owned(data / "postgresql.auto.conf", "".join(lines), run_as)


def owned(path: Path, text: str, run_as: RunAs | None) -> None:
    """A file that the server's user can read and write, and nobody else."""
    path.write_text(text)
    path.chmod(0o600)
    if run_as is not None:
        shutil.chown(path, run_as.uid, run_as.gid)


def allow(server: launcher.Embedded) -> None:
    """The one role that may copy and follow: it sees no table through SQL."""
    with psycopg.connect(server.conninfo(roles.ADMIN), autocommit=True) as connection:
        known = connection.execute("select 1 from pg_roles where rolname = %s", (roles.STANDBY,)).fetchone()
        if known is None:
            connection.execute(
                sql.SQL("create role {} login replication noinherit").format(sql.Identifier(roles.STANDBY))
            )


def set_live(server: launcher.Embedded, values: dict[str, str]) -> None:
    """Change settings of a running server that need no restart."""
    with psycopg.connect(server.conninfo(roles.ADMIN), autocommit=True) as connection:
        for name, value in values.items():
            _set(connection, name, value)


def _set(connection: psycopg.Connection, name: str, value: str) -> None:
    connection.execute(sql.SQL("alter system set {} = {}").format(sql.Identifier(name), sql.Literal(value)))
    connection.execute("select pg_reload_conf()")


def _watched(connection: psycopg.Connection) -> bool:
    row = connection.execute("select 1 from pg_stat_replication where sync_state = 'sync'").fetchone()
    return row is not None


def _leading_to(folders: Folders) -> str:
    return make_conninfo("", host=str(folders.socket), port=5432, user=roles.STANDBY, application_name=roles.STANDBY)


def _until(what: str, look: Callable[[], bool], patience_s: float) -> None:
    end = time.monotonic() + patience_s
    while not look():
        if time.monotonic() > end:
            raise Unavailable(f"Not within {patience_s:.0f} s: {what}.", code="database_unavailable")
        time.sleep(_PAUSE_S)

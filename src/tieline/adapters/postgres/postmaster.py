"""The server process seen from outside: its pid file, whether it lives, its start and its end.

A hub that was killed leaves its server running; a machine that lost power leaves a pid file without a server; after a
restart of a container the number in it may belong to somebody else. Each of these must end in a running server.
"""

from __future__ import annotations

import enum
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tieline.adapters.postgres.folders import Folders
from tieline.adapters.postgres.runas import RunAs
from tieline.kit.errors import Unavailable

_NO_SUCH_PROCESS = "99999999"  # above every kernel's limit
_PAUSE_S = 0.01
_WRITING_S = 2.0


class State(enum.Enum):
    ABSENT = "absent"
    STALE = "stale"
    BUSY = "busy"  # starting or stopping
    READY = "ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class Postmaster:
    state: State
    pid: int = 0


def look(folders: Folders) -> Postmaster:
    try:
        lines = folders.pid_file.read_text().splitlines()
    except FileNotFoundError:
        return Postmaster(state=State.ABSENT)
    if not lines or not lines[0].strip().isdigit():
        return Postmaster(state=State.BUSY if _age_s(folders.pid_file) < _WRITING_S else State.STALE)
    pid = int(lines[0])
    if not serves(pid, folders.data):
        return Postmaster(state=State.STALE, pid=pid)
    ready = len(lines) > 7 and lines[7].strip() in ("ready", "standby")
    return Postmaster(state=State.READY if ready else State.BUSY, pid=pid)


def serves(pid: int, data: Path) -> bool:
    """Whether `pid` is a live PostgreSQL on this data folder: not a zombie, not another program with a reused number."""
    if sys.platform == "linux":
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            return False
        return os.fsencode(data) in words
    shown = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, check=False)
    return shown.stdout.strip().endswith(b"-D " + os.fsencode(data))


def forget(folders: Folders) -> None:
    """Clear what a dead server left: the number in its pid file and the lock beside its socket.

    Both may name a process that lives (a zombie, or another program with a reused number), which would stop the next start.
    The pid file itself stays: its shared-memory key lets PostgreSQL see backends that outlived their postmaster.
    """
    (folders.socket / ".s.PGSQL.5432.lock").unlink(missing_ok=True)
    if folders.pid_file.exists():
        _, _, rest = folders.pid_file.read_text().partition("\n")
        if rest:
            folders.pid_file.write_text(f"{_NO_SUCH_PROCESS}\n{rest}")
        else:  # the machine died while the file was being written
            folders.pid_file.unlink()


def _age_s(path: Path) -> float:
    return time.time() - path.stat().st_mtime


def spawn(folders: Folders, binaries: Path, run_as: RunAs | None) -> subprocess.Popen[bytes]:
    """Start the server in a session of its own: a Ctrl-C for the hub is not one for the server."""
    with folders.log.open("ab") as log:
        return subprocess.Popen(
            [binaries / "postgres", "-D", folders.data],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folders.root,
            env=environment(),
            start_new_session=True,
            umask=0o077,
            **({} if run_as is None else run_as.popen()),
        )


def environment() -> dict[str, str]:
    """Nothing of the hub's environment: no secret reaches the server, no PG variable changes it."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def stop(folders: Folders, child: subprocess.Popen[bytes] | None, patience_s: float = 30.0) -> None:
    """Ordered: clients are disconnected, everything is checkpointed. Without success in time the server is cut off."""
    for order in (signal.SIGINT, signal.SIGQUIT):
        found = look(folders)
        if found.state in (State.ABSENT, State.STALE):
            break
        _signal(found.pid, order)
        if _gone(folders, found.pid, child, patience_s):
            break
    else:
        raise Unavailable(f"PostgreSQL in {folders.data} does not stop", code="database_unavailable")
    if child is not None:
        child.wait()


def cut_off(folders: Folders, patience_s: float = 10.0) -> None:
    """End the server at once and without a checkpoint: it must not confirm anything any more."""
    for order in (signal.SIGQUIT, signal.SIGKILL):
        found = look(folders)
        if found.state not in (State.READY, State.BUSY) or not found.pid:
            return
        _signal(found.pid, order)
        if _gone(folders, found.pid, None, patience_s):
            return


def _signal(pid: int, order: signal.Signals) -> None:
    try:
        os.kill(pid, order)
    except ProcessLookupError:
        return


def _gone(folders: Folders, pid: int, child: subprocess.Popen[bytes] | None, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if child is not None:
            child.poll()
        if not serves(pid, folders.data):
            return True
        time.sleep(_PAUSE_S)
    return False

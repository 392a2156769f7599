"""Foreign programs as children: started with a log file, awaited, ended by handle, never by name."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_OUR_PYTHON = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")


class RehearsalFailed(RuntimeError):
    """A real system could not be prepared or started; the sentence names its log."""


def run(command: Sequence[str | Path], log: Path, *, env: Mapping[str, str] | None = None, cwd: Path) -> None:
    """Run to the end. Raises RehearsalFailed with the log's last lines."""
    with log.open("ab") as out:
        done = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=_own_environment() | dict(env or {}),
            cwd=cwd,
            check=False,
        )
    if done.returncode != 0:
        raise RehearsalFailed(f"{Path(command[0]).name} ended with {done.returncode}; see {log}.\n{tail(log)}")


def start(
    command: Sequence[str | Path], log: Path, *, env: Mapping[str, str] | None = None, cwd: Path
) -> subprocess.Popen[bytes]:
    """Own session: Ctrl-C in the terminal reaches the caller only, which then ends this child in its order."""
    with log.open("ab") as out:
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=_own_environment() | dict(env or {}),
            cwd=cwd,
        )


def wait_until(ready: Callable[[], bool], child: subprocess.Popen[bytes], log: Path, seconds_max: float = 60.0) -> None:
    end = time.monotonic() + seconds_max
    while not ready():
        if child.poll() is not None:
            raise RehearsalFailed(f"The system ended at its start with {child.returncode}; see {log}.\n{tail(log)}")
        if time.monotonic() > end:
            raise RehearsalFailed(f"The system was not ready after {seconds_max:.0f} s; see {log}.\n{tail(log)}")
        time.sleep(0.05)


def end(child: subprocess.Popen[bytes], patience_s: float = 10.0) -> None:
    child.terminate()
    try:
        child.wait(patience_s)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def end_leftover(pid_file: Path, must_mention: str, patience_s: float = 10.0) -> None:
    """End the child of an earlier run that was killed. Only if the process still is that child: its command names us."""
    try:
        pid = int(pid_file.read_text())
    except (OSError, ValueError):
        return
    deadline = time.monotonic() + patience_s
    while _mentions(pid, must_mention):
        os.kill(pid, signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL)
        time.sleep(0.1)
    pid_file.unlink(missing_ok=True)


def free_port(wanted: int | None = None) -> int:
    """`wanted` if it can be had on loopback, else any free one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted or 0))
        except OSError:
            return free_port()
        return int(probe.getsockname()[1])


def lasting_port() -> int:
    """A free one that the system gives to nobody by itself: it stays ours while whoever listens there is killed and started again."""
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", secrets.randbelow(12_000) + 20_000))
            return int(probe.getsockname()[1])


def tail(log: Path, lines: int = 12) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def _own_environment() -> dict[str, str]:
    """Ours without what would lead the foreign program to our own packages."""
    return {name: value for name, value in os.environ.items() if name not in _OUR_PYTHON}


def _mentions(pid: int, text: str) -> bool:
    try:
        return text.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False

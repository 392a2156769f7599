"""What the `database` fixture hands out, and where its server lives. Tests import the type: `from database import Database`."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from tieline.adapters.postgres import launcher, migrate, roles
from tieline.kit.errors import TielineError

_MEMORY = Path("/dev/shm")
_ROOM = 4 << 30  # three workers need less than half of it
_PREFIX = "tieline-test-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """One database of the session's cluster. `conninfo(roles.WORKER)` and so on; `admin` sees everything."""

    cluster: launcher.Embedded
    name: str

    def conninfo(self, role: str) -> str:
        return self.cluster.conninfo(role, self.name)

    @property
    def admin(self) -> str:
        return self.conninfo(roles.ADMIN)


@contextmanager
def server() -> Iterator[launcher.Embedded]:
    """A server of this process's own, or the one that `TIELINE_TEST_SERVER` names, which belongs to somebody else."""
    if lent := os.environ.get("TIELINE_TEST_SERVER"):
        yield launcher.attach(Path(lent))
        return
    home = new_home()
    running = launcher.start(home)
    try:
        yield running
    finally:
        running.stop()
        shutil.rmtree(home, ignore_errors=True)


def made_template(cluster: launcher.Embedded) -> str:
    """A migrated database to copy from; its name is this process's own."""
    name = f"tieline_template_{os.getpid()}"
    with closing(psycopg.connect(cluster.conninfo(roles.ADMIN, "postgres"), autocommit=True)) as conn:
        conn.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    migrate.migrate(cluster.conninfo(roles.ADMIN, name))
    return name


def new_home() -> Path:
    """A folder for this process's server: in memory where the machine has room, since six hundred tests each copy a database.

    Every setting stays as in production, fsync too; in memory it costs nothing. Tests of the store itself, of back-ups and of
    killed servers make their own folder on the disk.
    """
    place = _MEMORY if _roomy() else Path(tempfile.gettempdir())
    if place is _MEMORY:
        _clear_left_behind()
    home = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=place))
    home.chmod(0o711)  # as root the server runs as a lesser user, which must be able to pass through
    return home


def _roomy() -> bool:
    if not os.access(_MEMORY, os.W_OK | os.X_OK):
        return False
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    available = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")) << 10
    return min(shutil.disk_usage(_MEMORY).free, available) > _ROOM


def _clear_left_behind() -> None:
    """A run that was killed leaves its server and its memory; the next run ends both."""
    for home in _MEMORY.glob(f"{_PREFIX}*-*"):
        pid = home.name.removeprefix(_PREFIX).partition("-")[0]
        if not pid.isdigit() or Path("/proc", pid).exists() or home.stat().st_uid != os.geteuid():
            continue
        try:
            launcher.start(home).stop()
        except TielineError:
            continue  # another worker clears it at this moment
        shutil.rmtree(home, ignore_errors=True)

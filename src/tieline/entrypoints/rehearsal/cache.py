"""The cache of prepared systems: built once, under a lock, and rebuilt when a build was cut off."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

_READY = "ready"


def cache_folder() -> Path:
    """`TIELINE_CACHE` if set, else the user's cache folder."""
    chosen = os.environ.get("TIELINE_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("tieline"))


def built_once(name: str, build: Callable[[Path], None]) -> Path:
    """The folder that `build` has filled completely. Parallel callers wait for the one that builds.

    The name says what the content depends on; older content is left to `prune`, since somebody may be running it.
    """
    root = cache_folder()
    root.mkdir(parents=True, exist_ok=True)
    folder = root / name
    with _locked(root / f"{name}.lock"):
        if not (folder / _READY).exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
            build(folder)
        (folder / _READY).touch()  # also says when it was last used
    return folder


def prune(prefix: str, unused_days: int = 30) -> None:
    """Remove builds that nobody has used for long: each calendar year and each new lock makes another one."""
    oldest = time.time() - unused_days * 86_400
    for ready in cache_folder().glob(f"{prefix}-*/{_READY}"):
        if ready.stat().st_mtime < oldest:
            shutil.rmtree(ready.parent, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield

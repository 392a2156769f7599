"""The cache of prepared systems: built once, under a lock, and rebuilt when a build was cut off."""

from __future__ import annotations

import fcntl
import os
import shutil
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

    The name says what the content depends on; folders of older content are left to `prune`.
    """
    root = cache_folder()
    root.mkdir(parents=True, exist_ok=True)
    folder = root / name
    with _locked(root / f"{name}.lock"):
        if not (folder / _READY).exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
            build(folder)
            (folder / _READY).touch()
    return folder


def prune(prefix: str, keep: Path) -> None:
    """Remove earlier builds of the same system, so that a cache does not grow by a system a year."""
    for folder in keep.parent.glob(f"{prefix}-*"):
        if folder.is_dir() and folder != keep:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield

"""The outside record as a file of JSON lines (`ports.audit.Sink`): put it on a volume that the database's host cannot edit."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

_BLOCK = 64 * 1024


class FileSink:
    """Appends are one write under a lock, flushed to the disk; what a crash left of a half line is cut off first."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, compose: Callable[[bytes | None], bytes]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            size, last = _last_line(handle)
            if size != os.fstat(handle).st_size:
                os.ftruncate(handle, size)
            line = compose(last) + b"\n"
            if os.write(handle, line) != len(line):
                raise OSError("the outside record took only a part of a line")
            os.fsync(handle)
        finally:
            os.close(handle)

    def lines(self) -> Iterator[bytes]:
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield line[:-1]


def _last_line(handle: int) -> tuple[int, bytes | None]:
    """Where the last whole line ends, and that line."""
    end, tail = os.fstat(handle).st_size, b""
    while end and tail.count(b"\n") < 2:
        start = max(0, end - _BLOCK)
        tail, end = os.pread(handle, end - start, start) + tail, start
    if b"\n" not in tail:
        return 0, None
    whole = tail[: tail.rindex(b"\n")]
    return end + len(whole) + 1, whole.rpartition(b"\n")[2]

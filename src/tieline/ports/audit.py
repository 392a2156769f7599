"""What the audit needs from outside: somebody who signs, somebody who knows signatures, and a place that we cannot edit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol


class Signer(Protocol):
    """`key_id` names the public key."""

    @property
    def key_id(self) -> str: ...

    def sign(self, message: bytes) -> bytes: ...


class Keys(Protocol):
    """The public keys that are trusted."""

    def valid(self, key_id: str, signature: bytes, message: bytes) -> bool:
        """False also for a key that is not among ours."""
        ...


class Sink(Protocol):
    """An append-only place outside of the database: a file on another volume, a bucket with object lock, a log service."""

    def append(self, compose: Callable[[bytes | None], bytes]) -> None:
        """Add one line, made by `compose` from the last whole line (None for the first), and return when it is kept.

        Appends do not interleave. Raises OSError when it cannot be kept; the last line is then the one before.
        """
        ...

    def lines(self) -> Iterator[bytes]:
        """Every line from the first, without its line end. Nothing there: no lines."""
        ...

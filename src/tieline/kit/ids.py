"""Identifiers: time-ordered for what happens, derived from names for what must be found again."""

from __future__ import annotations

import hashlib
import os
import re
import time
import uuid
from functools import lru_cache

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_SHAPE = re.compile(f"[a-z]+_[{_ALPHABET}]{{26}}")


def uuid7() -> uuid.UUID:
    """A time-ordered UUID (RFC 9562, version 7). For the edges of the system only: rules get their ids as arguments."""
    stamp = time.time_ns() // 1_000_000
    value = (stamp << 80) | int.from_bytes(os.urandom(10))
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    return uuid.UUID(int=(value & ~(0x3 << 62)) | (0x2 << 62))


@lru_cache(maxsize=1 << 15)  # every planning derives the same ids of a contract again and again
def stable_id(prefix: str, *names: str) -> str:
    """The one id that `names` have for ever: `prj_5q1…`, letters, digits and `_` only, at most 32 characters."""
    digest = hashlib.sha256("\x1f".join(names).encode()).digest()
    number = int.from_bytes(digest[:16])
    text = "".join(_ALPHABET[(number >> shift) & 31] for shift in range(0, 130, 5))
    return f"{prefix}_{text}"


def is_stable_id(text: str) -> bool:
    """Whether `text` has the shape of our ids: what bears one in a foreign system was put there by a hub."""
    return _SHAPE.fullmatch(text) is not None

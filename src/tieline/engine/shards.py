"""Where work belongs: one of 256 shards, leased to workers. The same text has the same shard in every process, for ever."""

from __future__ import annotations

import hashlib

SHARDS = 256


def shard_of(text: str) -> int:
    """Independent of Python's hash seed, so that edge and workers agree."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=2).digest()) % SHARDS

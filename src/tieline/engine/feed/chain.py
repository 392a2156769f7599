"""The hash chain as arithmetic: what stands under each hash, and nothing about where rows come from.

`digest` covers one event exactly as the store keeps it (personal fields are ciphertext there, so that giving up their key
leaves it true). `link` covers the digest, the place (tenant, epoch, position, lane) and the hash before. Every piece carries
its length and every hash its purpose, so that no two different rows spell the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

_EVENT, _LINK, _EPOCH = b"tieline.event.v1", b"tieline.link.v1", b"tieline.epoch.v1"
_EPOCH_ZERO = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_EPOCH = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One sealed row, without its own hash."""

    tenant: str
    epoch: int
    position: int
    event_id: UUID
    recorded_at: datetime
    lane: str
    lane_seq: int
    digest: bytes


def digest(tenant: str, row: Mapping[str, Any]) -> bytes:
    """Of one row of `events`; `data_text` is the stored document as PostgreSQL prints it."""
    return _hash(
        _EVENT, tenant, row["event_id"].bytes, _instant(row["recorded_at"]), row["lane"], row["lane_seq"], row["type"],
        row["subject"], row["data_text"], row["correlation_id"].bytes,
        None if row["causation_id"] is None else row["causation_id"].bytes, row["actor"], row["legal_entity"],
    )  # fmt: skip


def link(before: bytes, row: Link) -> bytes:
    """The hash of `row`, standing after the row whose hash is `before`."""
    return _hash(
        _LINK, before, row.tenant, row.epoch, row.position, row.event_id.bytes, _instant(row.recorded_at), row.lane,
        row.lane_seq, row.digest,
    )  # fmt: skip


def epoch_start(tenant: str, epoch: int, after_position: int, after_hash: bytes) -> bytes:
    """The hash that the first row of an epoch stands after; the first epoch starts after nothing."""
    return _hash(_EPOCH, tenant, epoch, after_position, after_hash)


def genesis(tenant: str) -> bytes:
    return epoch_start(tenant, FIRST_EPOCH, 0, b"")


def _instant(moment: datetime) -> int:
    return (moment - _EPOCH_ZERO) // timedelta(microseconds=1)


def _hash(purpose: bytes, *pieces: str | int | bytes | None) -> bytes:
    return sha256(b"".join(_spelled((purpose, *pieces)))).digest()


def _spelled(pieces: Iterable[str | int | bytes | None]) -> Iterable[bytes]:
    for piece in pieces:
        if piece is None:
            yield b"\xff" * 8  # no length is like this: nothing is not the same as empty
            continue
        told = piece if isinstance(piece, bytes) else str(piece).encode()
        yield len(told).to_bytes(8, "big")
        yield told

"""One root that stands for many heads (RFC 6962 trees): a firm can be shown its own head without the others'."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """How far a tenant's chain reaches: the hash at `position`, in `epoch`."""

    tenant: str
    epoch: int
    position: int
    hash: bytes


def leaf(head: Head) -> bytes:
    name = head.tenant.encode()
    place = head.epoch.to_bytes(8, "big") + head.position.to_bytes(8, "big")
    return sha256(b"\x00tieline.head.v1" + len(name).to_bytes(8, "big") + name + place + head.hash).digest()


def root(heads: Sequence[Head]) -> bytes:
    """Of the heads in this order. Raises ValueError for none: nothing was vouched for."""
    if not heads:
        raise ValueError("a root stands for at least one head")
    return _node([leaf(head) for head in heads])


def _node(leaves: Sequence[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    return sha256(b"\x01" + _node(leaves[:half]) + _node(leaves[half:])).digest()

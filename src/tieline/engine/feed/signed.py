"""Lines of the outside record: signed roots over heads, and signed starts of epochs, each tied to the line before."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from tieline.engine.feed.merkle import Head, root
from tieline.kit.canonical import Json, decode, encode
from tieline.ports.audit import Keys, Signer

ROOT, EPOCH = "dev.tieline.audit.root.v1", "dev.tieline.audit.epoch.v1"
_PURPOSE = b"tieline.outside.v1\x00"
_SHAPE = (KeyError, TypeError, ValueError, AttributeError, binascii.Error)


class Unreadable(Exception):
    """The line is not one of ours, or not whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochStart:
    """A restore said aloud: what stood after `after_position` was given up."""

    tenant: str
    epoch: int
    after_position: int
    after_hash: bytes
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """`genuine`: signed by a trusted key, and its root is that of its heads. `previous` is the hash of the line before."""

    number: int
    previous: bytes
    genuine: bool
    heads: tuple[Head, ...] = ()
    start: EpochStart | None = None


def root_line(last: bytes | None, heads: Sequence[Head], at: datetime, signer: Signer) -> bytes:
    said = [[head.tenant, head.epoch, head.position, head.hash.hex()] for head in heads]
    return signed_line(last, {"type": ROOT, "root": root(heads).hex(), "heads": said}, at, signer)


def epoch_line(last: bytes | None, start: EpochStart, at: datetime, signer: Signer) -> bytes:
    said = {
        "type": EPOCH, "tenant": start.tenant, "epoch": start.epoch, "after_position": start.after_position,
        "after_hash": start.after_hash.hex(), "by": start.by, "reason": start.reason,
    }  # fmt: skip
    return signed_line(last, said, at, signer)


def line_hash(line: bytes) -> bytes:
    return sha256(line).digest()


def read_line(line: bytes, keys: Keys | None = None) -> Line:
    """Without `keys` nothing is judged (`genuine` is True). Raises Unreadable."""
    try:
        said = decode(line)
        genuine = keys is None or _genuine(said, keys)
        number, previous = int(said["number"]), bytes.fromhex(said["previous"])
        if said["type"] == EPOCH:
            return Line(number=number, previous=previous, genuine=genuine, start=_start(said))
        heads = tuple(Head(tenant=t, epoch=e, position=p, hash=bytes.fromhex(h)) for t, e, p, h in said["heads"])
        genuine = genuine and root(heads).hex() == said["root"]
        return Line(number=number, previous=previous, genuine=genuine, heads=heads)
    except _SHAPE as error:
        raise Unreadable(type(error).__name__) from None


def _start(said: Json) -> EpochStart:
    return EpochStart(
        tenant=said["tenant"], epoch=said["epoch"], after_position=said["after_position"],
        after_hash=bytes.fromhex(said["after_hash"]), by=said["by"], reason=said["reason"],
    )  # fmt: skip


def signed_line(last: bytes | None, said: dict[str, Json], at: datetime, signer: Signer) -> bytes:
    before = {"number": 1, "previous": ""}
    if last is not None:
        before = {"number": _number(last) + 1, "previous": line_hash(last).hex()}
    body = {**before, "at": at.isoformat(), **said, "key": signer.key_id}
    signature = base64.b64encode(signer.sign(_PURPOSE + encode(body))).decode()
    return encode({**body, "signature": signature})


def _number(line: bytes) -> int:
    """0 for what is not ours: somebody else's line stops nobody from going on."""
    try:
        return read_line(line).number
    except Unreadable:
        return 0


def _genuine(said: dict[str, Json], keys: Keys) -> bool:
    body = {name: value for name, value in said.items() if name != "signature"}
    return keys.valid(said["key"], base64.b64decode(said["signature"], validate=True), _PURPOSE + encode(body))

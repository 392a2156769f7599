"""One spelling for every document: plain JSON values, sorted keys, and the digests that everything else is bound to."""

from __future__ import annotations

import hashlib
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
Json = Any  # a plain JSON value: dict, list, str, int, bool, None. Never float: encode() refuses it.

_encoder = msgspec.json.Encoder(order="deterministic", decimal_format="string")


def plain(value: object) -> Json:
    """Dataclasses, decimals, dates and instants as plain JSON values; decimals become strings, tuples lists.

    Goes through the bytes, so that what is compared in memory is what is read back from a store.
    """
    return msgspec.json.decode(_encoder.encode(value))


def restore(value: Json, kind: type[T]) -> T:
    """The dataclass `kind` from plain values. Raises msgspec.ValidationError naming the path of the first fault."""
    return msgspec.convert(value, kind, strict=False)


def encode(value: Json) -> bytes:
    """Deterministic JSON bytes."""
    return _encoder.encode(value)


def decode(data: bytes | str) -> Json:
    return msgspec.json.decode(data)


def digest(value: Json) -> bytes:
    """16 bytes that stand for a document; two documents with equal digests are treated as equal."""
    return hashlib.blake2b(encode(value), digest_size=16).digest()


def digest_of(*names: str) -> bytes:
    """16 bytes for a compound key."""
    return hashlib.blake2b("\x1f".join(names).encode(), digest_size=16).digest()

"""From untrusted bytes to a plain JSON value: sizes, depth, duplicate keys and numbers are checked on the way."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime

import msgspec

from tieline.kit.canonical import Json

DEPTH_MAX = 64
RETRY_AFTER_S_MAX = 3600.0
_NUMBER_LENGTH_MAX = 64
_EXPONENT_MAX = 40
_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
_NOT_STRUCTURE = bytes(set(range(256)) - set(b"[]{}:"))
_NOT_BRACKETS = b":"
_UTF8 = ("utf-8", "utf8", "us-ascii")


class Unreadable(Exception):
    """The answer is not what was promised. The text says why and never quotes the answer."""


def _exact(text: str) -> Decimal:
    number = Decimal(text)
    if len(text) > _NUMBER_LENGTH_MAX or abs(number.adjusted()) > _EXPONENT_MAX:
        raise ValueError("a number that is out of all proportion")
    return number


_decoder = msgspec.json.Decoder(float_hook=_exact)
_encoder = msgspec.json.Encoder(decimal_format="number")


def read_json(body: bytes) -> Json:
    """Plain values with exact decimals. Raises Unreadable."""
    structure = _STRINGS.sub(b"", body).translate(None, _NOT_STRUCTURE)
    _check_depth(structure.translate(None, _NOT_BRACKETS))
    try:
        value = _decoder.decode(body)
    except (ValueError, ArithmeticError, RecursionError):  # msgspec's decoding errors are ValueErrors
        raise Unreadable("is not valid JSON") from None
    # A repeated key is silently dropped by every fast parser; the colons that went in must all come out.
    kept = _STRINGS.sub(b"", _encoder.encode(value)).count(b":")
    if kept != structure.count(b":"):
        raise Unreadable("repeats a key within one object")
    return value


def _check_depth(brackets: bytes) -> None:
    """Each round removes the innermost level, at the speed of C."""
    for _ in range(DEPTH_MAX):
        if not brackets:
            return
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    if brackets:
        raise Unreadable(f"is nested deeper than {DEPTH_MAX} levels or not closed")


def check_type(headers: Mapping[str, str], expect: str) -> None:
    """Raises Unreadable unless the content type is the one asked for, in UTF-8."""
    kind, _, rest = headers.get("content-type", "").lower().partition(";")
    kind = kind.strip()
    charset = rest.partition("charset=")[2].split(";")[0].strip(' "')
    if charset and charset not in _UTF8:
        raise Unreadable("is not in UTF-8")
    if expect == "json" and not (kind == "application/json" or kind.endswith("+json")):
        raise Unreadable("is not JSON by its content type")
    if expect == "text" and not (kind.startswith("text/") or kind.endswith(("json", "xml", "x-www-form-urlencoded"))):
        raise Unreadable("is not text by its content type")


class Inflater:
    """Collects a body, unpacks gzip while it arrives, and stops at `limit` bytes of unpacked content."""

    __slots__ = ("_gzip", "_limit", "_out")

    def __init__(self, encoding: str, limit: int) -> None:
        if encoding not in ("", "identity", "gzip"):
            raise Unreadable("uses a packing that was not offered")
        self._gzip = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
        self._limit = limit
        self._out = bytearray()

    def feed(self, chunk: bytes) -> None:
        if self._gzip is not None:
            try:
                chunk = self._gzip.decompress(chunk, self._limit + 1 - len(self._out))
            except zlib.error:
                raise Unreadable("is packed wrongly") from None
        self._out += chunk
        if len(self._out) > self._limit:
            raise Unreadable(f"is larger than {self._limit} bytes")

    def whole(self) -> bytes:
        if self._gzip is not None and not self._gzip.eof:
            raise Unreadable("is packed wrongly")
        return bytes(self._out)


def retry_after(text: str | None, now: datetime, most_s: float = RETRY_AFTER_S_MAX) -> float | None:
    """Seconds to wait from a Retry-After header; at most `most_s`, None when it says nothing usable."""
    if text is None:
        return None
    try:
        seconds = float(text) if text.strip().isdigit() else (_moment(text) - now).total_seconds()
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), most_s)


def _moment(text: str) -> datetime:
    moment = parsedate_to_datetime(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)

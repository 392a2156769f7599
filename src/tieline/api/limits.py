"""What a request may look like before anybody reads it: sizes, depth, headers (X6, X7, X39)."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from starlette.requests import Request

from tieline.kit.errors import Fault, Rejected

HEADERS_MAX = 100
HEADER_BYTES_MAX = 16 * 1024
DEPTH_MAX = 32
MEMBERS_MAX = 20_000
ARRIVAL_S_MAX = 10.0

_ONCE = {"authorization", "idempotency-key", "content-length", "content-type", "host", "traceparent"}
_OURS = {"tieline-correlation-id", "tieline-version"}
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)


def check_headers(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Raises Rejected for too many, for doubled ones that decide something, and for any that names a tenant."""
    names = [(name.decode("latin-1").lower().replace("_", "-"), len(name) + len(value)) for name, value in headers]
    if len(names) > HEADERS_MAX or sum(size for _, size in names) > HEADER_BYTES_MAX:
        raise Rejected(
            f"At most {HEADERS_MAX} headers and {HEADER_BYTES_MAX} bytes of headers are taken.", code="too_many_headers"
        )
    counts = Counter(name for name, _ in names)
    for name, count in counts.items():
        ours = name.removeprefix("x-").startswith("tieline-") and name not in _OURS
        if "tenant" in name or ours or (count > 1 and name in _ONCE):
            raise Rejected(f"The header {name} is not allowed here.", code="header_refused")


def once(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Lower-case names; a header that was sent twice is no header, so that two readers cannot choose differently."""
    pairs = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers]
    counts = Counter(name for name, _ in pairs)
    return {name: value for name, value in pairs if counts[name] == 1}


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body, or Rejected (`too_large`, `timed_out`) as soon as that is certain."""
    declared = request.headers.get("content-length", "0")
    if not declared.isdigit() or int(declared) > limit:
        _too_large(limit)
    body = bytearray()
    try:
        async with asyncio.timeout(ARRIVAL_S_MAX):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    _too_large(limit)
    except TimeoutError:
        raise Rejected("The request did not arrive within ten seconds.", code="timed_out") from None
    return bytes(body)


def check_shape(body: bytes) -> None:
    """Bound the nesting and the number of members before any parser sees them. Linear in the size."""
    if body.count(b":") + body.count(b",") > MEMBERS_MAX:
        raise Rejected(f"At most {MEMBERS_MAX} members are taken in one document.", code="too_large")
    if body.count(b"[") + body.count(b"{") <= DEPTH_MAX:
        return
    depth = 0
    for token in _TOKENS.finditer(body):
        depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(token.group(), 0)
        if depth > DEPTH_MAX:
            raise Rejected(f"Documents are nested at most {DEPTH_MAX} deep.", code="malformed")


def parse(body: bytes) -> Any:
    """Strict JSON: no repeated members, no NaN, no float; numbers with decimals stay text."""
    check_shape(body)
    try:
        return json.loads(body, object_pairs_hook=_pairs, parse_constant=_constant, parse_float=str)
    except (ValueError, RecursionError):
        raise Rejected("The body is not a JSON document.", code="malformed") from None


def is_json(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise Rejected(
            "The document names a member twice.", code="malformed", faults=[Fault(f"/{twice}", "is named twice")]
        )
    return document


def _constant(name: str) -> NoReturn:
    raise ValueError(name)


def _too_large(limit: int) -> NoReturn:
    raise Rejected(f"At most {limit} bytes are taken in one request.", code="too_large")

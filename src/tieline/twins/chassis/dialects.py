"""The bodies that broken or overloaded vendors answer with (F5, F7, F15)."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime

from tieline.kit.errors import Rejected
from tieline.twins.chassis.rules import Fault

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole answer, ready to be sent."""

    status: int
    content: bytes
    headers: Headers = field(default_factory=lambda: [(b"content-type", b"application/json")])


_HTML = b"<!DOCTYPE html><html><head><title>Log in</title></head><body><form action='/login'></form></body></html>"
_SOAP_BUSY = (
    b'<?xml version="1.0"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    b"<soapenv:Fault><faultcode>soapenv:Server.userException</faultcode><faultstring>Only one request may be made against"
    b" a session at a time</faultstring><detail><exceededConcurrentRequestLimitFault><code>WS_CONCUR_SESSION_DISALLWD</code>"
    b"</exceededConcurrentRequestLimitFault></detail></soapenv:Fault></soapenv:Body></soapenv:Envelope>"
)
_MAINTENANCE = b"<html><body><h1>We will be back soon</h1><p>Scheduled maintenance is in progress.</p></body></html>"


def throttled(fault: Fault, now: datetime) -> Whole:
    """F7: each vendor says "too many" in its own words."""
    json_type = (b"content-type", b"application/json")
    if fault.dialect == "403_limit":
        text = b'[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]'
        return Whole(403, text)
    if fault.dialect == "400_limit":
        text = b'{"error":{"code":"SSS_REQUEST_LIMIT_EXCEEDED","message":"Request limit exceeded."}}'
        return Whole(400, text)
    if fault.dialect == "500_soap":
        return Whole(500, _SOAP_BUSY, [(b"content-type", b"text/xml; charset=utf-8")])
    if fault.dialect == "429_concurrency":
        text = b'{"status":429,"o:errorDetails":[{"detail":"Too many.","o:errorCode":"CONCURRENCY_LIMIT_EXCEEDED"}]}'
        return Whole(429, text)
    waits = {
        "429_seconds": str(fault.retry_after_s),
        "429_date": format_datetime(now + timedelta(seconds=fault.retry_after_s), usegmt=True),
        "429_absurd": "99999999999",
        "429_none": None,
    }
    if fault.dialect not in waits:
        raise Rejected(
            f"F7 knows no dialect {fault.dialect!r}; use 403_limit, 400_limit, 500_soap, 429_concurrency or one of {sorted(waits)}."
        )
    wait = waits[fault.dialect]
    headers = [json_type] + ([(b"retry-after", wait.encode())] if wait is not None else [])
    return Whole(429, b'{"code":"TOO_MANY_REQUESTS","message":"rate limit exceeded"}', headers)


def out_of_order(fault: Fault) -> Whole:
    """F15: the vendor is down, or says so with a page that looks like success."""
    if fault.shape == "maintenance":
        return Whole(200, _MAINTENANCE, [(b"content-type", b"text/html; charset=utf-8")])
    return Whole(503, b'{"code":"UNAVAILABLE","message":"service unavailable"}')


def failed(fault: Fault) -> Whole:
    """F4: an error of the server's own; whether something happened is not said."""
    text = b"<html><body><h1>%d</h1></body></html>" % fault.status
    return Whole(fault.status, text, [(b"content-type", b"text/html")])


def spoiled(fault: Fault, good: Whole) -> Whole:
    """F5: the good answer, turned into one that a careless client would believe or choke on."""
    if fault.shape not in _SPOILERS:
        raise Rejected(f"F5 knows no shape {fault.shape!r}; use one of {sorted(_SPOILERS)}.")
    return _SPOILERS[fault.shape](good)


def _truncated(good: Whole) -> Whole:
    return Whole(200, good.content[: len(good.content) // 2] or b'{"id', good.headers)


def _charset(good: Whole) -> Whole:
    text = good.content.decode() or '{"name":"Müller"}'
    return Whole(200, text.encode("utf-16"), [(b"content-type", b"application/json; charset=utf-8")])


def _duplicate_keys(good: Whole) -> Whole:
    inside = good.content.strip()[1:-1] if good.content.strip().startswith(b"{") else b'"id":"1"'
    return Whole(200, b'{"id":"0",' + inside + b',"id":"0"}')


def _nan(good: Whole) -> Whole:
    return Whole(200, b'{"id":"1","amount":NaN,"total":Infinity}')


def _huge(good: Whole) -> Whole:
    size = 10 * max(len(good.content), 1_000_000)
    return Whole(200, b'{"padding":"' + b"x" * size + b'"}')


def _gzip_bomb(good: Whole) -> Whole:
    squeezed = gzip.compress(b'{"padding":"' + b"0" * 50_000_000 + b'"}', compresslevel=9)
    return Whole(200, squeezed, [(b"content-type", b"application/json"), (b"content-encoding", b"gzip")])


def _deep(good: Whole) -> Whole:
    return Whole(200, b'{"a":' * 20_000 + b"1" + b"}" * 20_000)


_SPOILERS: dict[str, Callable[[Whole], Whole]] = {
    "truncated": _truncated,
    "not_json": lambda good: Whole(200, b"OK\n", good.headers),
    "html": lambda good: Whole(200, _HTML, [(b"content-type", b"text/html; charset=utf-8")]),
    "content_type": lambda good: Whole(200, good.content, [(b"content-type", b"text/plain")]),
    "charset": _charset,
    "duplicate_keys": _duplicate_keys,
    "nan": _nan,
    "huge": _huge,
    "gzip_bomb": _gzip_bomb,
    "deep": _deep,
}

"""The one HTTP client (`ports.http.Http`): guarded on the way out, limited on the way in, and honest about the outcome.

It speaks HTTP/1.1 over a keep-alive pool of its own per connection. It alone may say "certainly no effect".
"""

from __future__ import annotations

import asyncio
import functools
import logging
import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import NoReturn
from urllib.parse import quote, urlencode

import httpcore2

from tieline.adapters.answers import Inflater, Unreadable, check_type, read_json, retry_after
from tieline.adapters.egress import Origin, Resolver, parse_origin, resolve
from tieline.adapters.wire import CheckedNetwork, Sending, TooLate, current
from tieline.kit.canonical import Json, encode
from tieline.kit.errors import CredentialInvalid, Defect, Rejected, Throttled, TielineError, Unavailable, Unknown
from tieline.ports.http import Answer

BODY_BYTES_MAX = 8 << 20
CONNECT_S_MAX = 10.0
POOL_MAX = 4
_CODE_WITHIN = 4096  # of an error's body: where vendors put their codes
KEEP_ALIVE_S = 15.0  # below the usual minute of servers, so that we close first
_SAFE_METHODS = frozenset({"GET", "HEAD"})
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})
_NEVER_SENT = (httpcore2.ConnectError, httpcore2.PoolTimeout, httpcore2.ConnectTimeout)
_ACCEPT = {"json": b"application/json", "text": b"*/*"}
_PATH = re.compile(r"[!-~]+")
_DOTS = re.compile(r"(^|/)(\.|%2e){1,2}(/|$)", re.IGNORECASE)

deadline: ContextVar[float | None] = ContextVar("tieline_deadline", default=None)
"""Monotonic instant (event loop time) after which no call may start to send; the engine sets it per batch."""

# The pool's debug log would print credentials.
logging.getLogger("httpcore2").setLevel(logging.INFO)


@functools.cache
def _public_trust() -> ssl.SSLContext:
    return ssl.create_default_context()


def _utc_now() -> datetime:
    return datetime.now(UTC)


class _Pool:
    """A few connections. Finding a free one costs what the pool holds, so many are kept in small pools."""

    def __init__(self, connections: int, tls: ssl.SSLContext | None, network: CheckedNetwork) -> None:
        self.load = 0
        self.inner = httpcore2.AsyncConnectionPool(
            ssl_context=tls, max_connections=connections, max_keepalive_connections=connections,
            keepalive_expiry=KEEP_ALIVE_S, network_backend=network,
        )  # fmt: skip


class GuardedHttp:
    """One connection's client. `refused_503`: this vendor's 503 always means "not even started".

    `throttled_by`: codes that mean "too many, nothing was done" in the body of an error of whatever status (F7).
    `name` is how error sentences call the other side. Close it with `aclose`.
    """

    def __init__(
        self,
        base_url: str,
        *,
        name: str = "",
        allow_private_addresses: bool = False,
        refused_503: bool = False,
        throttled_by: Sequence[str] = (),
        connections: int = 16,
        body_bytes_max: int = BODY_BYTES_MAX,
        resolver: Resolver = resolve,
        trust: ssl.SSLContext | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._origin = parse_origin(base_url, allow_private=allow_private_addresses)
        self._name = name or self._origin.host
        self._refused_503 = refused_503
        self._throttled_by = tuple(code.encode() for code in throttled_by)
        self._body_bytes_max = body_bytes_max
        self._now = now
        self._url = _url(self._origin)
        self._host_header = (b"host", self._origin.authority.encode())
        tls = (trust or _public_trust()) if self._origin.scheme == "https" else None
        network = CheckedNetwork(
            allow_private=allow_private_addresses, tls=tls, resolver=resolver, connect_s=CONNECT_S_MAX
        )
        self._pools = [_Pool(min(POOL_MAX, connections - n), tls, network) for n in range(0, connections, POOL_MAX)]

    async def aclose(self) -> None:
        for pool in self._pools:
            await pool.inner.aclose()

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Json = None,
        content: bytes | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        expect: str = "json",
        timeout_s: float = 30.0,
        safe: bool | None = None,
    ) -> Answer:
        """See `ports.http.Http`."""
        body = encode(json) if json is not None else content
        request = httpcore2.Request(
            method,
            self._url(self._target(path, params)),
            headers=self._headers(headers, body, method, expect, json is not None),
            content=body or b"",
        )
        harmless = method in _SAFE_METHODS if safe is None else safe
        return await self._outcome(request, expect, timeout_s, harmless)

    async def _outcome(self, request: httpcore2.Request, expect: str, timeout_s: float, safe: bool) -> Answer:
        """Runs the call and says what is certain about its effect."""
        sending = Sending(deadline.get())
        token = current.set(sending)
        try:
            async with asyncio.timeout(timeout_s):
                status, headers, body = await self._exchange(request)
            return self._judge(status, headers, body, expect, safe)
        except TielineError:
            raise
        except TimeoutError:
            self._failed("did not answer in time", sending, safe)
        except Unreadable as why:
            self._failed(f"gave an answer that {why}", sending, safe)
        except TooLate:
            raise Unavailable(f"The call to {self._name} was not started: its time was up.") from None
        except httpcore2.LocalProtocolError:
            raise Rejected(f"A value cannot be sent to {self._name}: it holds a forbidden character.") from None
        except _NEVER_SENT:
            raise Unavailable(f"{self._name} cannot be reached at present.") from None
        except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException):
            self._failed("broke off the connection", sending, safe)
        finally:
            current.reset(token)

    async def _exchange(self, request: httpcore2.Request) -> tuple[int, dict[str, str], bytes]:
        pool = min(self._pools, key=lambda each: each.load)
        pool.load += 1
        try:
            return await self._exchanged(pool.inner, request)
        finally:
            pool.load -= 1

    async def _exchanged(
        self, pool: httpcore2.AsyncConnectionPool, request: httpcore2.Request
    ) -> tuple[int, dict[str, str], bytes]:
        response = await pool.handle_async_request(request)
        try:
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            inflater = Inflater(headers.get("content-encoding", "").lower(), self._body_bytes_max)
            async for chunk in response.stream:  # type: ignore[union-attr]
                inflater.feed(chunk)
            bodyless = request.method == b"HEAD" or response.status in (204, 304)
            return response.status, headers, b"" if bodyless else inflater.whole()
        finally:
            await response.aclose()

    def _judge(self, status: int, headers: dict[str, str], body: bytes, expect: str, safe: bool) -> Answer:
        if status == 429 or (status >= 400 and any(code in body[:_CODE_WITHIN] for code in self._throttled_by)):
            wait = retry_after(headers.get("retry-after"), self._now())
            raise Throttled(f"{self._name} asks for fewer calls.", retry_after_s=wait)
        if status >= 500:
            self._down(status, headers, safe)
        if status == 401:
            raise CredentialInvalid(f"{self._name} does not accept the credentials: renew them in the settings.")
        if 300 <= status < 400:
            # Not followed: a redirect may lead inside. A POST may have had its effect before it redirects.
            self._failed(f"redirects (status {status}); check its base address", None, safe)
        if not body:
            return Answer(status=status, headers=headers, body=None)
        try:
            check_type(headers, expect)
            value = read_json(body) if expect == "json" else body.decode()
        except (Unreadable, UnicodeDecodeError) as why:
            if status >= 400:  # the status alone is the answer: nothing happened
                return Answer(status=status, headers=headers, body=None)
            raise why if isinstance(why, Unreadable) else Unreadable("is not in UTF-8") from None
        return Answer(status=status, headers=headers, body=value)

    def _down(self, status: int, headers: dict[str, str], safe: bool) -> NoReturn:
        wait = retry_after(headers.get("retry-after"), self._now())
        if (
            status == 503 and wait is not None and (safe or self._refused_503)
        ):  # else it may have acted before it closed
            raise Throttled(f"{self._name} is closed for now (status 503).", retry_after_s=wait)
        if status == 503 and self._refused_503:
            raise Unavailable(f"{self._name} is closed for now (status 503).")
        self._failed(f"failed by itself (status {status})", None, safe)

    def _failed(self, what: str, sending: Sending | None, safe: bool) -> NoReturn:
        if safe or (sending is not None and not sending.sent):
            raise Unavailable(f"{self._name} {what}.") from None
        raise Unknown(f"{self._name} {what}; the change may have been made.") from None

    def _target(self, path: str, params: Mapping[str, str] | None) -> bytes:
        own = f"{self._origin.scheme}://{self._origin.authority}"
        if path.startswith(own + "/"):
            path = path[len(own) :]  # a link that the vendor gave, such as the next page
        elif path.startswith("/"):
            path = self._origin.prefix + path
        else:
            raise Rejected(f"A call to {self._name} must stay at its own address; the link leads elsewhere.")
        path = path if path.isascii() else quote(path, safe="/?&=%:,;~!$'()*+@")
        if not _PATH.fullmatch(path) or "#" in path or _DOTS.search(path.partition("?")[0]):
            raise Rejected(
                f"An identifier cannot be used in the address of {self._name}: it holds a forbidden character."
            )
        if params:
            path += ("&" if "?" in path else "?") + urlencode(params)
        return path.encode()

    def _headers(
        self, given: Mapping[str, str] | None, body: bytes | None, method: str, expect: str, is_json: bool
    ) -> list[tuple[bytes, bytes]]:
        lines = [self._host_header, (b"accept-encoding", b"gzip"), (b"user-agent", b"tieline")]
        names = set()
        for name, value in (given or {}).items():
            names.add(lower := name.lower())
            if lower in _OURS:
                raise Defect(f"A connector must not set the header {lower}.")
            lines.append((name.encode(), _header_value(value, self._name)))
        if "accept" not in names:
            lines.append((b"accept", _ACCEPT.get(expect, b"*/*")))
        if is_json and "content-type" not in names:
            lines.append((b"content-type", b"application/json"))
        if body or method not in _SAFE_METHODS:
            lines.append((b"content-length", str(len(body or b"")).encode()))
        return lines


def _header_value(value: str, name: str) -> bytes:
    try:
        return value.encode("ascii")
    except UnicodeEncodeError:
        raise Rejected(f"A value cannot be sent to {name} in a header: it holds a forbidden character.") from None


def _url(origin: Origin) -> Callable[[bytes], httpcore2.URL]:
    scheme, host = origin.scheme.encode(), origin.host.encode()
    return lambda target: httpcore2.URL(scheme=scheme, host=host, port=origin.port, target=target)

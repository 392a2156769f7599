"""Carries webhooks out (`routing.ports.Post`): guarded like every call of ours, and interested in nothing but the status.

Redirects are answers, not directions. The answer's body is not read: whatever a receiver writes there, it reaches nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ipaddress
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpcore2

from tieline.adapters.answers import retry_after
from tieline.adapters.egress import Origin, Resolver, check_address, parse_origin, resolve
from tieline.adapters.wire import CheckedNetwork, Sending, current
from tieline.kit.errors import Blocked, Fault, Rejected, Unavailable
from tieline.routing.schedule import RETRY_AFTER_S_MAX
from tieline.routing.verdicts import Answered

TIMEOUT_S = 20.0
URL_MAX = 500
CONNECT_S_MAX = 10.0
CONNECTIONS_MAX = 1024  # as many as all turns together may use: a slow endpoint takes nobody else's place
KEEP_ALIVE_S = 15.0
_BODY_S = 0.2  # a small body that is there already keeps the connection usable
_BODY_BYTES = 16_384
_AGENT = (b"user-agent", b"tieline-webhooks")
_UNREACHABLE = (httpcore2.ConnectError, httpcore2.ConnectTimeout, httpcore2.PoolTimeout)


@functools.cache
def _public_trust() -> ssl.SSLContext:
    return ssl.create_default_context()


def _utc_now() -> datetime:
    return datetime.now(UTC)


def check_endpoint_url(url: str, *, allow_private: bool) -> None:
    """Raises Rejected for an address that is never called. What a name leads to is judged at every call."""
    try:
        if not url.isascii() or len(url) > URL_MAX:
            raise Blocked(f"The address of an endpoint must be plain ASCII of at most {URL_MAX} characters.")
        origin = parse_origin(url, allow_private=allow_private)
        with contextlib.suppress(ValueError):
            check_address(str(ipaddress.ip_address(origin.host)), origin.host, allow_private=allow_private)
    except Blocked as why:
        raise Rejected(why.detail, faults=[Fault("/url", why.detail)]) from None


class Postman:
    """One per process; close it with `aclose`. Private addresses only where the settings say so by name."""

    def __init__(
        self,
        *,
        allow_private_addresses: bool = False,
        timeout_s: float = TIMEOUT_S,
        resolver: Resolver = resolve,
        trust: ssl.SSLContext | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._allow_private, self._timeout_s, self._now = allow_private_addresses, timeout_s, now
        self._pools = {
            scheme: _pool(CheckedNetwork(
                allow_private=allow_private_addresses, tls=tls, resolver=resolver, connect_s=CONNECT_S_MAX
            ))
            for scheme, tls in (("https", trust or _public_trust()), ("http", None))
        }  # fmt: skip

    async def aclose(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Answered:
        """See `routing.ports.Post`."""
        token = current.set(Sending(None))
        try:
            origin = parse_origin(url, allow_private=self._allow_private)
            async with asyncio.timeout(self._timeout_s):
                return await self._exchange(origin, url, headers, body)
        except Blocked:
            return Answered(status=None, problem="address_refused")
        except TimeoutError:
            return Answered(status=None, problem="timed_out")
        except (*_UNREACHABLE, Unavailable):
            return Answered(status=None, problem="unreachable")
        except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException, OSError):
            return Answered(status=None, problem="broken_off")
        finally:
            current.reset(token)

    async def _exchange(self, origin: Origin, url: str, headers: Mapping[str, str], body: bytes) -> Answered:
        request = httpcore2.Request("POST", _url(origin, url), headers=_lines(origin, headers, body), content=body)
        response = await self._pools[origin.scheme].handle_async_request(request)
        try:
            answered = {name.lower(): value for name, value in response.headers}
            await _emptied(response)
        finally:
            await response.aclose()
        wish = answered.get(b"retry-after")
        wait = retry_after(None if wish is None else wish.decode("latin-1"), self._now(), RETRY_AFTER_S_MAX)
        return Answered(status=response.status, retry_after_s=wait)


async def _emptied(response: httpcore2.Response) -> None:
    """A short look at the body, so that the connection can be used again; what is long or slow costs the connection."""
    seen = 0
    try:
        async with asyncio.timeout(_BODY_S):
            async for chunk in response.stream:  # type: ignore[union-attr]
                seen += len(chunk)
                if seen > _BODY_BYTES:
                    return
    except (TimeoutError, httpcore2.NetworkError, httpcore2.ProtocolError):
        return  # the status is known, and nothing else counts


def _pool(network: CheckedNetwork) -> httpcore2.AsyncConnectionPool:
    return httpcore2.AsyncConnectionPool(
        ssl_context=None, max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX // 8,
        keepalive_expiry=KEEP_ALIVE_S, network_backend=network,
    )  # fmt: skip


def _url(origin: Origin, url: str) -> httpcore2.URL:
    target = (urlsplit(url).path or "/").encode()  # with the slash at its end, which a base address would not have
    return httpcore2.URL(scheme=origin.scheme.encode(), host=origin.host.encode(), port=origin.port, target=target)


def _lines(origin: Origin, headers: Mapping[str, str], body: bytes) -> list[tuple[bytes, bytes]]:
    ours = [(b"host", origin.authority.encode()), _AGENT, (b"content-length", str(len(body)).encode())]
    return [*ours, *((name.encode(), value.encode("ascii")) for name, value in headers.items())]

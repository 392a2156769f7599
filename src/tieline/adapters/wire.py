"""The network below the HTTP client: dials checked addresses only and knows whether a call left this machine.

A plain asyncio stream instead of the pool's own: one third of the processor time, and the exact moment of sending.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

import httpcore2

from tieline.adapters.egress import Resolver, checked_addresses

_READ_BUFFER = 1 << 20
_DEAD_CONNECTIONS_MAX = 20  # more than a pool holds: all of them may have been closed by a restart


class Sending:
    """What happened to one call so far. Past `deadline` (monotonic seconds) nothing is sent any more."""

    __slots__ = ("dead_connections", "deadline", "sent")

    def __init__(self, deadline: float | None) -> None:
        self.deadline = deadline
        self.dead_connections = 0
        self.sent = False


class TooLate(Exception):
    """The call's deadline passed before its first byte was sent."""


current: ContextVar[Sending | None] = ContextVar("tieline_sending", default=None)


class CheckedNetwork(httpcore2.AsyncNetworkBackend):
    """Resolves once per new connection, judges every address, and connects to those very addresses."""

    def __init__(
        self, *, allow_private: bool, tls: ssl.SSLContext | None, resolver: Resolver, connect_s: float
    ) -> None:
        self._allow_private = allow_private
        self._tls = tls
        self._resolver = resolver
        self._connect_s = connect_s

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  the pool's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        try:
            async with asyncio.timeout(self._connect_s):
                addresses = await checked_addresses(
                    host, port, allow_private=self._allow_private, resolver=self._resolver
                )
                return await self._first_that_answers(addresses, host, port)
        except (TimeoutError, OSError, ssl.SSLError) as error:
            raise httpcore2.ConnectError(type(error).__name__) from error

    async def _first_that_answers(self, addresses: list[str], host: str, port: int) -> PlainStream:
        for address in addresses[:-1]:
            try:
                return await self._dial(address, host, port)
            except OSError:
                continue
        return await self._dial(addresses[-1], host, port)

    async def _dial(self, address: str, host: str, port: int) -> PlainStream:
        # The certificate must be for the name, although the address is dialled.
        name = host if self._tls is not None else None
        reader, writer = await asyncio.open_connection(
            address, port, ssl=self._tls, server_hostname=name, limit=_READ_BUFFER
        )
        return PlainStream(reader, writer)


class PlainStream(httpcore2.AsyncNetworkStream):
    """Time-outs are the caller's: one clock for the whole call instead of one per read."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        try:
            return await self._reader.read(max_bytes)
        except OSError as error:
            raise httpcore2.ReadError(type(error).__name__) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        sending = current.get()
        if sending is not None and not sending.sent:
            self._start(sending)
        try:
            self._writer.write(buffer)
            await self._writer.drain()
        except OSError as error:
            raise httpcore2.WriteError(type(error).__name__) from error

    def _start(self, sending: Sending) -> None:
        if self._gone():
            # The peer closed this idle connection: nothing was sent, so the pool may take another one.
            sending.dead_connections += 1
            if sending.dead_connections > _DEAD_CONNECTIONS_MAX:
                raise httpcore2.ConnectError("closed at once")
            raise httpcore2.ConnectionNotAvailable
        if sending.deadline is not None and asyncio.get_running_loop().time() >= sending.deadline:
            raise TooLate
        sending.sent = True

    def _gone(self) -> bool:
        return self._reader.at_eof() or self._writer.transport.is_closing() or self._reader.exception() is not None

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore2.AsyncNetworkStream:
        return self  # encrypted since it was dialled

    async def aclose(self) -> None:
        self._writer.close()

    def get_extra_info(self, info: str) -> Any:
        return self._gone() if info == "is_readable" else None

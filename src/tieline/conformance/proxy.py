"""A fault proxy between a connector and the system, real or twin: the same faults for all, at an exact request.

Each request is read whole and, unless the fault says otherwise, answered by the real system before anything breaks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from urllib.parse import urlsplit

from tieline.conformance.framing import read_answer, read_request

_LOGIN_PAGE = b"<html><body>Please sign in</body></html>"
_PAGE_ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(_LOGIN_PAGE)
) + _LOGIN_PAGE
_BUFFER = 16 << 20


class WireFault(StrEnum):
    ANSWER_LOST = "F1: the answer is lost after the effect"
    NOT_FORWARDED = "F2: the request is lost before the effect"
    CUT_IN_ANSWER = "F3: the connection breaks in the middle of the answer"
    PAGE_INSTEAD = "F5: a login page comes instead of the answer"


class FaultProxy:
    """`seen` counts requests since `reset`; `arm` breaks the nth of them, once."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._armed: dict[int, WireFault] = {}
        self._open: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Future[None]] = set()
        self.seen = 0
        self.hits = 0
        self.url = ""
        self._path = parts.path.rstrip("/")

    def reset(self) -> None:
        self.seen = self.hits = 0
        self._armed.clear()

    def arm(self, fault: WireFault, nth: int) -> None:
        self._armed[nth] = fault

    def started(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}{self._path}"

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.ensure_future(self._serve(reader, writer))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        upstream: asyncio.StreamWriter | None = None
        try:
            answers, upstream = await asyncio.open_connection(self._host, self._port, limit=_BUFFER)
            self._open.add(upstream)
            while (request := await read_request(reader)) is not None:
                if not await self._relay(request, answers, upstream, writer):
                    return
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.transport.abort()
        finally:
            for stream in (writer, upstream):
                if stream is not None:
                    stream.close()
                    self._open.discard(stream)

    async def _relay(
        self,
        request: bytes,
        answers: asyncio.StreamReader,
        upstream: asyncio.StreamWriter,
        client: asyncio.StreamWriter,
    ) -> bool:
        """One exchange. False when the connection is finished."""
        self.seen += 1
        fault = self._armed.pop(self.seen, None)
        self.hits += fault is not None
        if fault is WireFault.NOT_FORWARDED:
            client.transport.abort()
            return False
        upstream.write(request)
        await upstream.drain()
        answer = await read_answer(answers, head_only=request.startswith(b"HEAD "))
        if fault is WireFault.ANSWER_LOST:
            client.transport.abort()
        elif fault is WireFault.CUT_IN_ANSWER:
            client.write(answer[: max(len(answer) - 4, 1)])
            await client.drain()
        else:
            client.write(_PAGE_ANSWER if fault is WireFault.PAGE_INSTEAD else answer)
            await client.drain()
        return fault is None and b"\r\nconnection: close" not in answer[:4096].lower()

    async def aclose(self) -> None:
        for stream in tuple(self._open):
            stream.transport.abort()
        await asyncio.gather(*self._serving, return_exceptions=True)


@asynccontextmanager
async def faulty(upstream: str) -> AsyncIterator[FaultProxy]:
    """A proxy in front of `upstream` for the length of the block."""
    proxy = FaultProxy(upstream)
    listener = await asyncio.start_server(proxy.accept, "127.0.0.1", 0, limit=_BUFFER)
    proxy.started(listener.sockets[0].getsockname()[1])
    try:
        yield proxy
    finally:
        listener.close()
        await proxy.aclose()

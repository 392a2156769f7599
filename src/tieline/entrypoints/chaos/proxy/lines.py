"""The wires of the proxy: each caller's connection has one of its own on the other side; bytes pass unless they break.

An exchange begins with the first bytes of a caller after an answer. That holds for HTTP/1.1 and for PostgreSQL's protocol,
so one proxy serves both; neither is parsed but for the empty line that ends the headers of HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from tieline.entrypoints.chaos.proxy.weather import Breakage, Weather

_CHUNK = 1 << 16
_HEADERS_END = b"\r\n\r\n"
_RESET = struct.pack("ii", 1, 0)  # close with RST instead of FIN
_LORIS_PAUSE_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where somebody listens: a port of this machine, or a Unix socket."""

    port: int = 0
    path: Path | None = None


@dataclass(slots=True, eq=False)
class Line:
    """One caller's connection and ours to the other side."""

    caller: asyncio.StreamWriter
    called: asyncio.StreamWriter
    breakage: Breakage | None = None
    answered: bool = True  # the next bytes of the caller begin an exchange
    deaf: asyncio.Event = field(default_factory=asyncio.Event)

    def reset(self) -> None:
        for writer in (self.caller, self.called):
            with contextlib.suppress(OSError, AttributeError):
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()


@dataclass(slots=True, eq=False)
class Proxy:
    """Listens at `at`, passes on to `to`. `cut_off` is a partition: nobody gets in, and those inside are dropped."""

    to: Place
    weather: Weather
    at: Place = field(default_factory=Place)
    lines: set[Line] = field(default_factory=set)
    parted: bool = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.at.port}"

    def cut_off(self) -> None:
        self.parted = True
        for line in list(self.lines):
            line.reset()

    def join(self) -> None:
        self.parted = False

    def heal(self) -> None:
        """Faults end; a caller that waits in a black hole is let go, so that it can try again."""
        self.weather.heal()
        self.join()
        for line in list(self.lines):
            line.deaf.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it or it breaks."""
        if self.parted:
            writer.transport.abort()
            return
        try:
            back, called = await _connected(self.to)
        except OSError:
            writer.transport.abort()
            return
        line = Line(writer, called)
        self.lines.add(line)
        ways = {asyncio.create_task(self._forth(line, reader)), asyncio.create_task(self._back(line, back))}
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.lines.discard(line)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            writer.close()
            called.close()

    async def _forth(self, line: Line, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError):
            while given := await reader.read(_CHUNK):
                if line.answered:
                    line.answered, line.breakage = False, self.weather.draw()
                broken = line.breakage
                if broken and broken.kind == "reset_request":
                    return line.reset()
                if broken and broken.kind == "black_hole":
                    return await _silence(line, broken.seconds)
                line.called.write(given)
                await line.called.drain()

    async def _back(self, line: Line, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError):
            while given := await reader.read(_CHUNK):
                line.answered = True
                broken, line.breakage = line.breakage, None
                if broken and not await _spoiled(line, given, broken):
                    return
                if broken is None:
                    line.caller.write(given)
                await line.caller.drain()


async def _spoiled(line: Line, answer: bytes, broken: Breakage) -> bool:
    """What of `answer` passes. False when the connection ends with it."""
    if broken.kind == "delay":
        await asyncio.sleep(broken.seconds)
        line.caller.write(answer)
        return True
    if broken.kind == "black_hole_back":
        await _silence(line, broken.seconds)
    elif broken.kind == "reset_answer":
        line.reset()
    elif broken.kind == "slow_loris":
        await _dribbled(line, answer, broken)
    else:
        line.caller.write(answer[: _kept(answer, broken)])
        await line.caller.drain()
    return False


def _kept(answer: bytes, broken: Breakage) -> int:
    """How many bytes pass before the cut: never all."""
    begin = answer.find(_HEADERS_END) + len(_HEADERS_END)
    headers = begin if begin >= len(_HEADERS_END) else 0
    if broken.kind == "cut_headers":
        return int(broken.share * max(1, (headers or len(answer)) - 1))
    return headers + int(broken.share * max(0, len(answer) - headers - 1))


async def _dribbled(line: Line, answer: bytes, broken: Breakage) -> None:
    steps = max(1, int(broken.seconds / _LORIS_PAUSE_S))
    for byte in answer[: min(steps, len(answer) - 1)]:
        line.caller.write(bytes([byte]))
        await line.caller.drain()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(line.deaf.wait(), _LORIS_PAUSE_S)
            return


async def _silence(line: Line, seconds: float) -> None:
    """Nothing is said until the caller is let go."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(line.deaf.wait(), seconds)


async def _connected(to: Place) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if to.path is not None:
        return await asyncio.open_unix_connection(to.path)
    return await asyncio.open_connection("127.0.0.1", to.port)


@contextlib.asynccontextmanager
async def opened(to: Place, weather: Weather, at: Place | None = None) -> AsyncIterator[Proxy]:
    """A proxy that listens: on a free port, or at `at`."""
    proxy = Proxy(to, weather)
    if at is not None and at.path is not None:
        at.path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(proxy.serve, at.path)
        proxy.at = at
    else:
        server = await asyncio.start_server(proxy.serve, "127.0.0.1", at.port if at else 0, backlog=256)
        proxy.at = Place(port=server.sockets[0].getsockname()[1])
    try:
        yield proxy
    finally:
        server.close()
        for line in list(proxy.lines):
            line.reset()

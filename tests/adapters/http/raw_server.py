"""A server that answers with exactly the bytes that a test wants, and remembers what it was sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

Reply = bytes | Callable[[bytes], bytes | None]


def answer(
    body: bytes = b"{}", *, status: str = "200 OK", kind: str = "application/json", more: tuple[str, ...] = ()
) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-type: {kind}", f"content-length: {len(body)}", *more]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Server:
    """`replies` are used in order, the last one for ever. None resets the connection, b"" closes it, "hang" waits."""

    def __init__(self, *replies: bytes | str | None) -> None:
        self.replies = list(replies)
        self.received: list[bytes] = []
        self.connections = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while request := await self._request(reader):
                self.received.append(request)
                reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
                if reply == "hang":
                    await reader.read()
                    return
                if reply is None:
                    writer.transport.abort()
                    return
                assert isinstance(reply, bytes)
                writer.write(reply)
                await writer.drain()
                if not reply.startswith(b"HTTP/1.1") or b"connection: close" in reply:
                    return
        except (ConnectionError, asyncio.CancelledError):
            return
        finally:
            writer.close()

    async def _request(self, reader: asyncio.StreamReader) -> bytes:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return b""
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return head + await reader.readexactly(length)


@asynccontextmanager
async def running(*replies: bytes | str | None, tls: object = None) -> AsyncIterator[Server]:
    server = Server(*replies)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)  # type: ignore[arg-type]
    port = listener.sockets[0].getsockname()[1]
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    try:
        yield server
    finally:
        listener.close()

"""Just enough of HTTP/1.1 to know where a message ends."""

from __future__ import annotations

import asyncio

_NO_BODY = (b" 204 ", b" 304 ", b" 100 ")


async def read_request(reader: asyncio.StreamReader) -> bytes | None:
    """A whole request; None when the client is done."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    return head + await _body(reader, _headers(head), until_close=False)


async def read_answer(reader: asyncio.StreamReader, *, head_only: bool) -> bytes:
    """A whole answer. Raises IncompleteReadError when the system breaks off by itself."""
    head = await reader.readuntil(b"\r\n\r\n")
    if head_only or any(status in head[:16] for status in _NO_BODY):
        return head
    return head + await _body(reader, _headers(head), until_close=True)


async def _body(reader: asyncio.StreamReader, headers: dict[bytes, bytes], *, until_close: bool) -> bytes:
    if b"chunked" in headers.get(b"transfer-encoding", b""):
        return await _chunks(reader)
    if b"content-length" in headers:
        return await reader.readexactly(int(headers[b"content-length"]))
    return await reader.read() if until_close else b""


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        parts += [line, await reader.readexactly(size + 2)]
        if size == 0:
            return b"".join(parts)


def _headers(head: bytes) -> dict[bytes, bytes]:
    lines = (line.partition(b":") for line in head.lower().split(b"\r\n")[1:])
    return {name.strip(): value.strip() for name, _, value in lines}

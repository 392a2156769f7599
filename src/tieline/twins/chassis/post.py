"""One HTTP POST over a fresh connection: enough for a webhook sender, and able to break off in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

_PATIENCE_S = 20.0


async def post(url: str, headers: Mapping[str, str], body: bytes, *, cut: bool = False) -> int | None:
    """The answer's status, None when there was no answer. Plain http only: twins talk to loopback."""
    try:
        return await asyncio.wait_for(_exchange(url, headers, body, cut), _PATIENCE_S)
    except (OSError, TimeoutError, ValueError, IndexError, asyncio.IncompleteReadError):
        return None


async def _exchange(url: str, headers: Mapping[str, str], body: bytes, cut: bool) -> int | None:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [f"POST {target} HTTP/1.1", f"host: {parts.netloc}", f"content-length: {len(body)}"]
        lines += ["connection: close", "content-type: application/json"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + (body[: len(body) // 2] if cut else body))
        await writer.drain()
        if cut:
            return None
        status_line = await reader.readline()
        return int(status_line.split()[1])
    finally:
        writer.close()

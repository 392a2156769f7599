"""A partner's side of webhooks on a real port: keeps what arrived, and answers what a test wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Reply = tuple[int, dict[str, str]]
Answer = Callable[["Received"], Reply | Awaitable[Reply]]
OK: Reply = (200, {})


@dataclass(frozen=True, slots=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def lane(self) -> str:
        return self.document["partitionkey"]

    @property
    def seq(self) -> int:
        return int(self.document["sequence"])


@dataclass
class Receiver:
    """`answer` decides; `received` has everything, `taken` what was answered with a yes, in order of answers."""

    answer: Answer = lambda message: OK
    received: list[Received] = field(default_factory=list)
    taken: list[Received] = field(default_factory=list)
    port: int = 0

    def url(self, path: str = "/hooks") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def order(self, lane: str) -> list[int]:
        return [each.seq for each in self.taken if each.lane == lane]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while message := await _message(reader):
                self.received.append(message)
                reply = self.answer(message)
                status, more = reply if isinstance(reply, tuple) else await reply
                if 200 <= status < 300:
                    self.taken.append(message)
                head = [f"HTTP/1.1 {status} X", "content-length: 0", *(f"{k}: {v}" for k, v in more.items())]
                writer.write("\r\n".join(head).encode() + b"\r\n\r\n")
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def receiving(answer: Answer = lambda message: OK) -> AsyncIterator[Receiver]:
    receiver = Receiver(answer)
    listener = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = listener.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        listener.close()


async def _message(reader: asyncio.StreamReader) -> Received | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(first.split(" ")[1], headers, body)

"""What stands before several edges: every connection goes to one that takes it. It repeats nothing and reads nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import cycle


@dataclass(slots=True)
class Front:
    """`refused` counts doors that were closed, `turned_away` connections for which none was open."""

    doors: tuple[int, ...]
    port: int = 0
    refused: int = 0
    turned_away: int = 0
    _turn: cycle[int] = field(init=False)

    def __post_init__(self) -> None:
        self._turn = cycle(range(len(self.doors)))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = next(self._turn)
        for door in (*self.doors[first:], *self.doors[:first]):
            try:
                to = await asyncio.open_connection("127.0.0.1", door)
            except ConnectionRefusedError:
                self.refused += 1
                continue
            await asyncio.gather(_carry(reader, to[1]), _carry(to[0], writer))
            return
        self.turned_away += 1
        writer.close()


@contextlib.asynccontextmanager
async def standing_before(*doors: int) -> AsyncIterator[Front]:
    front = Front(doors)
    server = await asyncio.start_server(front.serve, "127.0.0.1", 0)
    front.port = server.sockets[0].getsockname()[1]
    try:
        yield front
    finally:
        server.close()


async def _carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while piece := await source.read(1 << 16):
            target.write(piece)
            await target.drain()
    with contextlib.suppress(ConnectionError):
        target.close()

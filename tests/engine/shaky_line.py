"""Stands between a pool and PostgreSQL and cuts the line at a COMMIT: before it is passed on, or before its answer is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from psycopg.conninfo import conninfo_to_dict, make_conninfo

Where = Literal["before the commit", "after the commit"]


class ShakyLine:
    def __init__(self, server: str) -> None:
        self._server = server
        self.where: Where | None = None
        self.after = b""
        self.cuts = 0

    def cut_at(self, where: Where, *, after: bytes) -> None:
        """Cut once, at the COMMIT of the transaction in which the words `after` were sent."""
        self.where, self.after = where, after

    async def serve(self, ours: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        theirs, forth = await asyncio.open_unix_connection(self._server)
        there = asyncio.create_task(self._requests(ours, forth))
        await self._answers(theirs, back)
        there.cancel()
        forth.close()

    async def _requests(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while chunk := await source.read(65_536):
            if self.after in chunk:
                self.after = b""
            if not self.after and b"COMMIT\x00" in chunk and self._due("before the commit"):
                break
            sink.write(chunk)
            await sink.drain()
        sink.close()

    async def _answers(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while chunk := await source.read(65_536):
            if not self.after and b"COMMIT\x00" in chunk and self._due("after the commit"):
                break
            sink.write(chunk)
            await sink.drain()
        sink.close()

    def _due(self, where: Where) -> bool:
        if self.where != where:
            return False
        self.where = None
        self.cuts += 1
        return True


@asynccontextmanager
async def shaky(conninfo: str, folder: Path) -> AsyncIterator[tuple[str, ShakyLine]]:
    """The conninfo that leads through the line, and the line."""
    known = conninfo_to_dict(conninfo)
    line = ShakyLine(f"{known['host']}/.s.PGSQL.{known['port']}")
    server = await asyncio.start_unix_server(line.serve, folder / f".s.PGSQL.{known['port']}")
    try:
        yield make_conninfo(conninfo, host=str(folder)), line
    finally:
        server.close()

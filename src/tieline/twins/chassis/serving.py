"""Runs one twin on loopback until it is told to end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
from typing import cast

import msgspec
import uvicorn
import uvloop
from uvicorn._types import ASGIApplication
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tieline.twins.chassis.twin import Twin


class _Protocol(HttpToolsProtocol):
    """Hands the socket to the application, so that a reset is a reset."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["twin.transport"] = self.transport  # type: ignore[typeddict-unknown-key]


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, twin: Twin, ready: dict[str, str]) -> None:
        super().__init__(config)
        self._twin = twin
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        await self._twin.start()
        sys.stdout.write(msgspec.json.encode(self._ready).decode() + "\n")
        sys.stdout.flush()


def end_with_parent() -> None:
    """Ends this process when the one that started it is gone: its end of our stdin closes."""

    def watch() -> None:
        while os.read(0, 4096):
            continue
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def serve(twin: Twin, port: int) -> None:
    """Blocks until SIGTERM or SIGINT. Prints one JSON line when the twin answers."""
    listener = socket.create_server(("127.0.0.1", port), backlog=2048)
    ready = {
        "url": f"http://127.0.0.1:{listener.getsockname()[1]}",
        "name": twin.name,
        "control_token": twin.control_token,
    }
    config = uvicorn.Config(
        cast(ASGIApplication, twin),
        http=_Protocol,
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
        timeout_keep_alive=75,
        server_header=False,
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_Server(config, twin, ready).serve(sockets=[listener]))

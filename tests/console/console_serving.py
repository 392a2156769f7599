"""Runs the console over a small API on a real port."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from console_answers import READER, Answers
from starlette.applications import Starlette
from starlette.routing import Mount

from tieline.console import Doors, create_console


@dataclass(frozen=True, slots=True)
class Console:
    url: str
    answers: Answers
    doors: Doors

    def door(self, key: str = READER) -> str:
        return f"{self.url}/console/enter/{self.doors.leave(key)}"


def application(answers: Answers, doors: Doors) -> Starlette:
    return Starlette(routes=[Mount("/console", create_console(answers.app(), doors=doors))])


@contextmanager
def served(answers: Answers) -> Iterator[Console]:
    doors = Doors(time.monotonic)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(application(answers, doors), log_level="error", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield Console(url, answers, doors)
        finally:
            server.should_exit = True
            thread.join(10)

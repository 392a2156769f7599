"""`tieline up`: loads the configuration, lets the composition root run everything, and says where it is."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import structlog

from tieline import bootstrap
from tieline.entrypoints.cli import configuration, connection, output
from tieline.entrypoints.cli.connection import Connection


class Ready(Protocol):
    """What the composition root says once, when the hub takes requests."""

    url: str
    api_key: str
    login_link: str


def up(file: str, *, port: int | None, as_json: bool) -> None:
    """Runs until it is told to stop. The key for this machine's CLI lies in the home folder, never in the output."""
    log_to_stderr()
    settings = configuration.loaded(file)
    if port is not None:
        settings = replace(settings, listen=settings.listen.model_copy(update={"port": port}))
    output.say(f"Starting Tieline with {file}; its files are in {settings.home}.")
    asyncio.run(bootstrap.run_hub(settings, on_ready=lambda hub: announce(hub, settings.home, as_json=as_json)))


def announce(hub: Ready, home: Path, *, as_json: bool) -> None:
    connection.save(home, Connection(url=hub.url, api_key=hub.api_key))
    if as_json:
        print(json.dumps({"url": hub.url, "console": hub.login_link}), flush=True)
        return
    print(f"Tieline runs at {hub.url}", flush=True)
    print(f"Console (opens once): {hub.login_link}", flush=True)
    output.say("Ctrl-C ends it." if sys.stdin.isatty() else "SIGTERM ends it.")


def log_to_stderr() -> None:
    """JSON lines, values as fields; stdout belongs to the line that says where the hub is."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.dict_tracebacks,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )

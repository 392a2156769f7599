"""`tieline up`: loads the configuration, lets the composition root run everything, and says where it is."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import structlog
import uvloop

from tieline import bootstrap
from tieline.adapters.config import Settings
from tieline.entrypoints.cli import configuration, connection, output
from tieline.entrypoints.cli.connection import Connection
from tieline.kit.errors import Rejected


def up(file: str, *, port: int | None, as_json: bool) -> None:
    """Runs until it is told to stop. The key for this machine's CLI lies in the home folder, never in the output."""
    settings = _settings(file, port)
    output.say(f"Starting Tieline with {file}; its files are in {settings.home}.")
    uvloop.run(bootstrap.run_hub(settings, on_ready=lambda hub: announce(hub, settings.home, as_json=as_json)))


def run(what: str, file: str, *, port: int | None) -> None:
    """One part of the hub in this process, until it is told to stop."""
    settings = _settings(file, port)
    if what == "store":
        uvloop.run(
            bootstrap.run_store(settings, on_ready=lambda: print(json.dumps({"store": str(settings.home)}), flush=True))
        )
    elif what == "edge":
        uvloop.run(bootstrap.run_edge(settings, on_ready=lambda hub: announce(hub, settings.home, as_json=True)))
    elif what == "worker":
        output.say(f"A worker on the store of {settings.home}.")
        uvloop.run(bootstrap.run_worker(settings))
    elif what == "scheduler":
        output.say(f"A scheduler on the store of {settings.home}.")
        uvloop.run(bootstrap.run_scheduler(settings))
    else:
        raise Rejected(f"{what!r} is no part of the hub: choose store, edge, worker or scheduler.")


def _settings(file: str, port: int | None) -> Settings:
    log_to_stderr()
    settings = configuration.loaded(file)
    return settings if port is None else replace(settings, listen=settings.listen.model_copy(update={"port": port}))


def announce(hub: bootstrap.Ready, home: Path, *, as_json: bool) -> None:
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

"""Waiting with a name and an end: what is awaited, for how long, and where to read on when it does not come."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from tieline.entrypoints.cli.client import Client
from tieline.entrypoints.cli.exits import NOT_FOUND, Problem
from tieline.entrypoints.demo.narration import Narrator
from tieline.entrypoints.rehearsal.process import tail
from tieline.kit.errors import Unavailable

T = TypeVar("T")
POLL_S = 0.15
PATIENCE_S = 60.0


def until(what: str, found: Callable[[], T | None], says: Narrator, log: Path) -> T:
    """The first answer that is not empty. Raises Unavailable naming what did not come, with the hub's last words."""
    deadline = time.monotonic() + PATIENCE_S
    with says.awaiting(what):
        while time.monotonic() < deadline:
            if answer := found():
                return answer
            time.sleep(POLL_S)
    raise Unavailable(f"Nothing seen of {what} within {PATIENCE_S:.0f} s. The hub's log is {log}:\n{tail(log)}")


def contract_of(hub: Client, contract_id: str) -> dict[str, Any] | None:
    """The contract's document; None while it has not arrived."""
    try:
        found: dict[str, Any] = hub.get(f"/experience/v1/contracts/{contract_id}")
    except Problem as problem:
        if problem.exit_code == NOT_FOUND:
            return None
        raise
    return found


def stay(says: Narrator) -> None:
    """Everything keeps running for the watcher to play with, until Ctrl-C."""
    says.say("Everything keeps running. Ctrl-C ends it.")
    try:
        signal.pause()
    except KeyboardInterrupt:
        says.say("Ending.")

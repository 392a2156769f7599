"""What `tieline clock` asks of the hub, and how long it waits: the hub itself moves the clock, step by step."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import typer

from tieline.entrypoints.cli import moments, output
from tieline.entrypoints.cli.client import Client
from tieline.entrypoints.cli.exits import CHANGES

PATH = "/system/v1/clock"
LOOK_S, SAY_S = 0.1, 2.0


def advance(length: str, wait_s: float, *, as_json: bool) -> None:
    with Client.open() as hub:
        now = moments.instant(hub.get(PATH)["now"])
        _go(hub, moments.later(now, length), wait_s, as_json=as_json)


def go_to(instant: str, wait_s: float, *, as_json: bool) -> None:
    target = moments.instant(instant)
    with Client.open() as hub:
        _go(hub, target, wait_s, as_json=as_json)


def _go(hub: Client, target: datetime, wait_s: float, *, as_json: bool) -> None:
    found = hub.post(PATH, {"to": target.isoformat()})
    ends_at, said_at = time.monotonic() + wait_s, time.monotonic()
    while found["target"] is not None and time.monotonic() < ends_at:
        time.sleep(LOOK_S)
        found = hub.get(PATH)
        if time.monotonic() - said_at > SAY_S:
            said_at = time.monotonic()
            output.say(f"It is {found['now']}.")
    tell(found, as_json=as_json)
    if found["target"] is not None:
        raise typer.Exit(CHANGES)


def tell(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        output.document(found)
        return
    days = ", ".join(f"{day} at {entity}" for entity, day in found["today"].items())
    kind = f"moved {found['moves']} times" if found["movable"] else "the wall clock"
    output.out().print(f"It is {found['now']} ({kind}): {days}", markup=False)
    if found["target"]:
        output.out().print(f"On its way to {found['target']}.", markup=False)

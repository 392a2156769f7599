"""clock show, advance, set: the business clock of a rehearsal. A hub that reaches real systems has none to move."""

from __future__ import annotations

from typing import Annotated

import typer

from tieline.entrypoints.cli.exits import guarded
from tieline.entrypoints.cli.options import AsJson

family = typer.Typer(
    name="clock", help="What day it is to the contracts; let time pass in a rehearsal.", no_args_is_help=True
)
WaitS = Annotated[float, typer.Option("--wait", help="Seconds to wait for its arrival; 0 does not wait.")]


def add_to(app: typer.Typer) -> None:
    for name, command in (("show", show), ("advance", advance), ("set", set_to)):
        family.command(name)(command)
    app.add_typer(family)


@guarded
def show(as_json: AsJson = False) -> None:
    """The business instant, the day at each legal entity, and where the clock is going."""
    from tieline.entrypoints.cli import clockwork
    from tieline.entrypoints.cli.client import Client

    with Client.open() as hub:
        clockwork.tell(hub.get(clockwork.PATH), as_json=as_json)


@guarded
def advance(
    length: Annotated[str, typer.Argument(metavar="LENGTH", help="Such as 90m, 36h, 30d, 2w, 12mo or 1y.")],
    wait_s: WaitS = 300.0,
    as_json: AsJson = False,
) -> None:
    """Let so much time pass: every wake-up and schedule on the way finds its own day. Exits 3 when not there yet."""
    from tieline.entrypoints.cli import clockwork

    clockwork.advance(length, wait_s, as_json=as_json)


@guarded
def set_to(
    instant: Annotated[
        str, typer.Argument(metavar="INSTANT", help="Such as 2027-03-31T18:00:00+02:00; without zone UTC.")
    ],
    wait_s: WaitS = 300.0,
    as_json: AsJson = False,
) -> None:
    """Let time pass until an instant; the clock never goes back. Exits 3 when it is not there yet."""
    from tieline.entrypoints.cli import clockwork

    clockwork.go_to(instant, wait_s, as_json=as_json)

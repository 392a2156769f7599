"""demo, twin: rehearsing without an account at any vendor."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from tieline.entrypoints.cli.exits import guarded
from tieline.entrypoints.cli.options import AsJson


class Twin(StrEnum):
    IRONCLAD = "ironclad"
    NETSUITE = "netsuite"


def add_to(app: typer.Typer) -> None:
    app.command("demo")(demo)
    app.command("twin")(twin)


@guarded
def demo(
    leave: Annotated[bool, typer.Option("--exit", help="End when the story is told, also on a terminal.")] = False,
    kill: Annotated[bool, typer.Option("--kill/--no-kill", help="Kill the hub's process in the middle.")] = True,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the state of the last run.")] = False,
    as_json: AsJson = False,
) -> None:
    """A signed contract goes to cash while you watch: a real ERP, two look-alikes, one hub, one kill."""
    from tieline.entrypoints.demo import run

    raise typer.Exit(run(leave=leave or as_json, kill=kill, keep=keep, as_json=as_json))


@guarded
def twin(
    name: Annotated[Twin, typer.Argument(help="Which system to look like.")],
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 0,
    state: Annotated[str | None, typer.Option(help="Folder that keeps its state.")] = None,
) -> None:
    """Run a look-alike of a vendor's system over real HTTP."""
    import os
    import sys

    from tieline.entrypoints.cli.connection import home

    folder = state or str(home() / "twins" / name.value)
    command = [sys.executable, "-m", "tieline.twins", name.value, "--port", str(port), "--state", folder]
    os.execv(sys.executable, command)  # noqa: S606  the twin takes this process's place: signals reach it directly

"""config: check, explain, compare a tieline.yaml without starting anything."""

from __future__ import annotations

from typing import Annotated

import typer

from tieline.entrypoints.cli.exits import CHANGES, guarded
from tieline.entrypoints.cli.options import AsJson

CONFIG_FILE = Annotated[str, typer.Argument(metavar="FILE", help="The firm's tieline.yaml.")]


def add_to(app: typer.Typer) -> None:
    family = typer.Typer(help="Check and explain a tieline.yaml without starting anything.", no_args_is_help=True)
    for command in (check, explain, diff, schema, schedules):
        family.command(command.__name__)(command)
    app.add_typer(family, name="config")


@guarded
def check(file: CONFIG_FILE = "tieline.yaml", as_json: AsJson = False) -> None:
    """Check a configuration: every fault with its place, what is allowed, and the nearest match. Faults exit 2."""
    from tieline.entrypoints.cli import configuration

    configuration.check(file, as_json=as_json)


@guarded
def explain(file: CONFIG_FILE = "tieline.yaml", as_json: AsJson = False) -> None:
    """Show every effective setting and where it comes from."""
    from tieline.entrypoints.cli import configuration

    configuration.explain(file, as_json=as_json)


@guarded
def diff(
    old: Annotated[str, typer.Argument(help="The configuration before.")],
    new: Annotated[str, typer.Argument(help="The configuration after.")],
    as_json: AsJson = False,
) -> None:
    """Show what changes between two configurations and what that means. Changes exit 3."""
    from tieline.entrypoints.cli import configuration

    if configuration.compare(old, new, as_json=as_json):
        raise typer.Exit(CHANGES)


@guarded
def schema() -> None:
    """Print the JSON Schema of tieline.yaml, for editors."""
    from tieline.entrypoints.cli import configuration, output

    output.document(configuration.schema())


@guarded
def schedules(
    file: CONFIG_FILE = "tieline.yaml",
    start: Annotated[str, typer.Option("--from", metavar="INSTANT", help="Count from then, not from now.")] = "",
    count: Annotated[int, typer.Option("--next", min=1, max=100, help="How many times of each.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Show when each schedule is due next, on the clock of its legal entity and in UTC."""
    from tieline.entrypoints.cli import timetable

    timetable.show(file, start, count, as_json=as_json)

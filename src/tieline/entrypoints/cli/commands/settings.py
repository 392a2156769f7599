"""config: check and explain a tieline.yaml without starting anything."""

from __future__ import annotations

from typing import Annotated

import typer

from tieline.entrypoints.cli.exits import guarded
from tieline.entrypoints.cli.options import AsJson

CONFIG_FILE = Annotated[str, typer.Argument(metavar="FILE", help="The firm's tieline.yaml.")]


def add_to(app: typer.Typer) -> None:
    family = typer.Typer(help="Check and explain a tieline.yaml without starting anything.", no_args_is_help=True)
    family.command("check")(check)
    family.command("explain")(explain)
    app.add_typer(family, name="config")


@guarded
def check(file: CONFIG_FILE = "tieline.yaml", as_json: AsJson = False) -> None:
    """Check a configuration: every fault with its place, what is allowed, and the nearest match. Faults exit 2."""
    from tieline.entrypoints.cli import configuration

    configuration.check(file, as_json=as_json)


@guarded
def explain(file: CONFIG_FILE = "tieline.yaml", as_json: AsJson = False) -> None:
    """Show which system owns, prices and bills what, for each legal entity."""
    from tieline.entrypoints.cli import configuration

    configuration.explain(file, as_json=as_json)

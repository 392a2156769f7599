"""backup and restore: the database kept while the hub works, and the way back to an instant."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tieline.entrypoints.cli.exits import USAGE, guarded, problem
from tieline.entrypoints.cli.options import AsJson, ConfigFile


def add_to(app: typer.Typer) -> None:
    app.command("backup")(backup)
    app.command("restore")(restore)


@guarded
def backup(
    to: Annotated[Path, typer.Option(help="Folder for copies and changes, best on another disk.")],
    config: ConfigFile = "tieline.yaml",
    as_json: AsJson = False,
) -> None:
    """Copy the embedded database while the hub works, and keep every change from now on."""
    from tieline.bootstrap import restoring
    from tieline.entrypoints.cli import configuration, output

    made = restoring.run_backup(configuration.loaded(config), to)
    if as_json:
        output.document({"copy": str(made.path), "since": made.since.isoformat()})
        return
    output.out().print(
        f"The copy is {made.path}. `tieline restore` can go back to any instant from {made.since.isoformat()} on."
    )


@guarded
def restore(
    to: Annotated[str, typer.Option(metavar="INSTANT", help="Such as 2026-11-24T18:00:00Z; without a zone it is UTC.")],
    source: Annotated[Path, typer.Option("--from", help="The folder that `tieline backup` wrote to.")],
    reason: Annotated[str, typer.Option(help="Why: it is signed and kept.")],
    config: ConfigFile = "tieline.yaml",
    as_json: AsJson = False,
) -> None:
    """Set a stopped hub back to an instant. What systems hold since then is found and not made again."""
    from tieline.bootstrap import restoring
    from tieline.entrypoints.cli import configuration, output

    done = restoring.run_restore(configuration.loaded(config), source, _instant(to), getpass.getuser(), reason)
    if as_json:
        output.document({"to": done.to.isoformat(), "former": str(done.former), "read_back": dict(done.read_back)})
        return
    output.out().print(f"The hub stands at {done.to.isoformat()}; the state that was given up lies in {done.former}.")
    output.out().print(f"Start it, and let those who hand in by API or webhook hand in again everything since {to}.")


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise problem(
            f"{text} is no instant: write it like 2026-11-24T18:00:00Z.", code="usage", status=400, exit_code=USAGE
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)

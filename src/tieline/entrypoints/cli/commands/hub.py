"""up, doctor, version: the hub itself."""

from __future__ import annotations

from typing import Annotated

import typer

from tieline.entrypoints.cli.exits import CHANGES, guarded
from tieline.entrypoints.cli.options import AsJson, ConfigFile


def add_to(app: typer.Typer) -> None:
    for command in (up, run, doctor, version):
        app.command(command.__name__)(command)


@guarded
def up(
    config: ConfigFile = "tieline.yaml",
    port: Annotated[int | None, typer.Option(help="0 takes a free one; default from the configuration.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run everything in this process: edge, API, console, worker and scheduler, on an embedded PostgreSQL."""
    from tieline.entrypoints.cli import running

    running.up(config, port=port, as_json=as_json)


@guarded
def run(
    what: Annotated[str, typer.Argument(help="store, edge, worker or scheduler.")],
    config: ConfigFile = "tieline.yaml",
    port: Annotated[int | None, typer.Option(help="Of the edge; 0 takes a free one.")] = None,
) -> None:
    """Run one part in this process: `store` once, then `edge`, `worker` and `scheduler` as often as you like.

    They run on any host with the store. One scheduler is needed; a second takes over when the first is gone.
    """
    from tieline.entrypoints.cli import running

    running.run(what, config, port=port)


@guarded
def doctor(as_json: AsJson = False) -> None:
    """Check this machine and the hub: Python, database, migrations, disk, leases, systems, webhooks, clock."""
    from tieline.entrypoints.cli import checkup, output

    found = checkup.examine()
    if as_json:
        output.document({"ok": all(check["ok"] for check in found), "checks": found})
    else:
        checkup.show(found)
    if not all(check["ok"] for check in found):
        raise typer.Exit(CHANGES)


@guarded
def version(as_json: AsJson = False) -> None:
    """Say which version this is."""
    from tieline.entrypoints.cli import checkup, output

    found = checkup.versions()
    if as_json:
        output.document(found)
    else:
        output.out().print(f"tieline {found['tieline']} on Python {found['python']}")

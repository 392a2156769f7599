"""exam, bench: proofs that anyone can repeat."""

from __future__ import annotations

from typing import Annotated

import typer

from tieline.entrypoints.cli.exits import FAILED, guarded
from tieline.entrypoints.cli.options import AsJson


def add_to(app: typer.Typer) -> None:
    app.command("exam")(exam)
    app.command("bench")(bench)


@guarded
def exam(
    connectors: Annotated[list[str] | None, typer.Argument(help="Only these connectors.")] = None,
    as_json: AsJson = False,
) -> None:
    """Examine connectors: classes proved by killing, time-outs, order, paging, zones, unknown values."""
    from tieline.entrypoints import examining

    if not examining.run(tuple(connectors or ()), as_json=as_json):
        raise typer.Exit(FAILED)


@guarded
def bench(
    what: Annotated[str, typer.Argument(help="activation or ingest.")],
    as_json: AsJson = False,
) -> None:
    """Measure the hub on this machine beside the same work done by a bare loop."""
    from tieline.entrypoints import bench as measuring

    if not measuring.run(what, as_json=as_json):
        raise typer.Exit(FAILED)

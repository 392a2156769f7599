"""exam, bench, chaos: proofs that anyone can repeat."""

from __future__ import annotations

from typing import Annotated

import typer

from tieline.entrypoints.cli.exits import FAILED, guarded
from tieline.entrypoints.cli.options import AsJson


def add_to(app: typer.Typer) -> None:
    app.command("exam")(exam)
    app.command("bench")(bench)
    app.command("chaos")(chaos)


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


@guarded
def chaos(
    kills: Annotated[int, typer.Option(min=1, help="How many processes are killed at least.")] = 120,
    seed: Annotated[int | None, typer.Option(help="Repeat a run; a new one each time without it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Kill edges, workers and PostgreSQL while contracts go from signature to invoice, and judge what is left."""
    from tieline.entrypoints import chaos as killing

    if not killing.run(kills, seed, as_json=as_json):
        raise typer.Exit(FAILED)

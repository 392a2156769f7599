"""exam, bench, chaos: proofs that anyone can repeat."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tieline.entrypoints.cli.exits import FAILED, guarded
from tieline.entrypoints.cli.options import AsJson
from tieline.kit.errors import Rejected

KILLS = 120


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
    what: Annotated[str, typer.Argument(help="activation, ingest, drain, growth, lanes, …")],
    size: Annotated[int | None, typer.Option(min=1, help="How many replicas, journal rows or time entries.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure the hub on this machine beside the same work done by a bare loop."""
    from tieline.entrypoints import bench as measuring

    if not measuring.run(what, as_json=as_json, size=size):
        raise typer.Exit(FAILED)


@guarded
def chaos(
    kills: Annotated[int | None, typer.Option(min=1, help="How many processes are killed at least.")] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Rounds with faults drawn from the seed, for so long, instead of kills.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Repeat a run; a new one each time without it.")] = None,
    report: Annotated[Path | None, typer.Option(help="With --minutes: the folder that gets a page about it.")] = None,
    chapter: Annotated[str | None, typer.Option(help="Repeat one chapter of such a run, as its report says.")] = None,
    as_json: AsJson = False,
) -> None:
    """Kill edges, workers and PostgreSQL while contracts go from signature to invoice, and judge what is left."""
    from tieline.entrypoints import chaos as killing

    if minutes is not None and kills is not None:
        raise Rejected("A run ends by its kills or by its minutes: give --kills or --minutes, not both.")
    if chapter is not None:
        held = killing.again(chapter, as_json=as_json)
    elif minutes is None:
        held = killing.run(kills or KILLS, seed, as_json=as_json)
    else:
        held = killing.fight(minutes, seed, as_json=as_json, report=report)
    if not held:
        raise typer.Exit(FAILED)

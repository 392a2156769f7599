"""census run, list, show, repair, allow: whole populations compared with what was planned, and the way back into step."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from tieline.entrypoints.cli.exits import CHANGES, guarded
from tieline.entrypoints.cli.options import AsJson, Yes

family = typer.Typer(name="census", help="Compare all that a system holds with what was planned.", no_args_is_help=True)
PATH = "/system/v1/census"
Run = Annotated[str, typer.Argument(help="The run's id, as `tieline census list` shows it.")]


def add_to(app: typer.Typer) -> None:
    for name, command in (("run", run), ("list", list_runs), ("show", show), ("repair", repair), ("allow", allow)):
        family.command(name)(command)
    app.add_typer(family)


@guarded
def run(
    system: Annotated[str, typer.Option("--system", help="Which system.")],
    kind: Annotated[str, typer.Option("--kind", help="Which kind of document, or topic of a source.")],
    mode: Annotated[str, typer.Option("--mode", help="full or changed.")] = "full",
    wait_s: Annotated[float, typer.Option("--wait", help="Seconds to wait for its end; 0 does not wait.")] = 60.0,
    as_json: AsJson = False,
) -> None:
    """List everything now and say what is not as planned. Exits 3 when drift was found."""
    from tieline.entrypoints.cli.client import Client

    with Client.open() as hub:
        run_id = hub.post(PATH, {"system": system, "kind": kind, "mode": mode})["run_id"]
        found, ends_at = hub.get(f"{PATH}/{run_id}"), time.monotonic() + wait_s
        while found["state"] not in ("done", "stopped", "superseded") and time.monotonic() < ends_at:
            time.sleep(0.3)
            found = hub.get(f"{PATH}/{run_id}")
    _print(found, as_json)
    if found["drift"]:
        raise typer.Exit(CHANGES)


@guarded
def list_runs(as_json: AsJson = False) -> None:
    """The newest runs and how much drift each found."""
    from tieline.entrypoints.cli import output
    from tieline.entrypoints.cli.client import Client

    with Client.open() as hub:
        found = hub.all(PATH)
    if as_json:
        output.document(found)
        return
    rows = [each | {"found": _counts(each)} for each in found]
    columns = ["run_id", "system", "kind", "mode", "state", "compared", "found", "started_at"]
    output.table("Census", columns, rows, "No census has run yet.")


@guarded
def show(run_id: Run, as_json: AsJson = False) -> None:
    """One run and every drift that it found."""
    from tieline.entrypoints.cli.client import Client

    with Client.open() as hub:
        found = hub.get(f"{PATH}/{run_id}")
    _print(found, as_json)


@guarded
def repair(
    run_id: Run,
    apply: Annotated[bool, typer.Option("--apply/--dry-run", help="Order it, or only show it.")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Show what a repair would order, and order it with --apply. A person's matters stay with the person."""
    from tieline.entrypoints.cli import output
    from tieline.entrypoints.cli.client import Client

    with Client.open() as hub:
        found = hub.post(f"{PATH}/{run_id}/repair", {"apply": False})
        ordered = [item for item in found["items"] if item["action"] != "none"]
        if apply and ordered and (yes or typer.confirm(f"Order {len(ordered)} repairs?", err=True)):
            found = hub.post(f"{PATH}/{run_id}/repair", {"apply": True})
    if as_json:
        output.document(found)
        return
    rows = [item | {"fields": ", ".join(f["name"] for f in item["fields"])} for item in found["items"]]
    output.table("Repair", ["action", "drift", "replica_id", "fields", "reason"], rows, "Nothing is left to repair.")


@guarded
def allow(run_id: Run, as_json: AsJson = False) -> None:
    """Let a census go on that stopped because so much is gone."""
    from tieline.entrypoints.cli import output
    from tieline.entrypoints.cli.client import Client

    with Client.open() as hub:
        found = hub.post(f"{PATH}/{run_id}/allow")
    if as_json:
        output.document(found)
        return
    output.out().print(f"Census {run_id} goes on.", markup=False)


def _print(found: dict[str, Any], as_json: bool) -> None:
    from tieline.entrypoints.cli import output

    if as_json:
        output.document(found)
        return
    said = f"{found['kind']} in {found['system']}: {found['state']}, {found['compared']} compared, {_counts(found)}"
    output.out().print(said + (f"\n{found['problem']}" if found["problem"] else ""), markup=False)
    rows = [each | {"fields": ", ".join(sorted(each["fields"] or {}))} for each in found["drift"]]
    output.table("Drift", ["class", "replica_id", "fields", "state"], rows, "Everything is as planned.")


def _counts(found: dict[str, Any]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(found["found"].items())) or "no drift"

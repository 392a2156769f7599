"""plan, apply, release, retry: orders that the hub may refuse, shown before they are given."""

from __future__ import annotations

from typing import Annotated

import typer

from tieline.entrypoints.cli.exits import CHANGES, guarded
from tieline.entrypoints.cli.options import AsJson, Yes


def add_to(app: typer.Typer) -> None:
    for command in (plan, apply, release, retry):
        app.command(command.__name__)(command)


@guarded
def plan(
    contract: Annotated[str, typer.Argument(help="The contract's id.")],
    detailed_exitcode: Annotated[bool, typer.Option("--detailed-exitcode", help="3 when there are changes.")] = False,
    config: Annotated[
        str | None,
        typer.Option("--config", "-c", metavar="FILE", help="Under this tieline.yaml instead; on the store's machine."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what would change in which system, and change nothing."""
    from tieline.entrypoints.cli import ordering, output, views

    found = ordering.plan(contract, config)
    if as_json:
        output.document(found)
    else:
        for line in views.plan_lines(found):
            output.out().print(line, markup=False)
        if views.plan_id(found):
            output.out().print(f"\nTo apply exactly this plan:\n  tieline apply {views.plan_id(found)}", markup=False)
        elif config is not None and views.changes(found):
            output.out().print(
                f"\nTo apply it, start the hub with this file:\n  tieline up --config {config}", markup=False
            )
    if detailed_exitcode and views.changes(found):
        raise typer.Exit(CHANGES)


@guarded
def apply(
    plan_id: Annotated[str, typer.Argument(help="The plan's id, as `tieline plan` prints it.")],
    yes: Yes = False,
    wait_s: Annotated[float, typer.Option("--wait", help="Seconds to wait for every system's confirmation.")] = 120.0,
    as_json: AsJson = False,
) -> None:
    """Apply exactly this plan, wait until every system confirms, and show the certificate. A stale plan exits 6."""
    from tieline.entrypoints.cli import ordering, output
    from tieline.entrypoints.cli.client import Client

    with Client.open() as hub:
        found = ordering.apply(hub, plan_id, yes=yes, wait_s=wait_s, quiet=as_json)
    if as_json:
        output.document(found)
        return
    for line in ordering.certificate_lines(found):
        output.out().print(line, markup=False)


@guarded
def release(
    invoice: Annotated[str, typer.Argument(help="The invoice's id, as `tieline get contract` shows it.")],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Show an invoice with its digest, and release exactly that document to the ledger."""
    from tieline.entrypoints.cli import ordering, output
    from tieline.entrypoints.cli.client import Client

    with Client.open() as hub:
        found = ordering.release(hub, invoice, yes=yes, quiet=as_json)
    if as_json:
        output.document(found)
        return
    output.out().print(f"Released invoice {invoice}: exactly the document with digest {found.get('digest', '')}.")


@guarded
def retry(
    contract: Annotated[str | None, typer.Argument(help="A contract's id.")] = None,
    hold: Annotated[str | None, typer.Option("--hold", help="Only this hold's id.")] = None,
    as_json: AsJson = False,
) -> None:
    """Look again now at what is held or waits, instead of at its next time."""
    from tieline.entrypoints.cli import ordering, output
    from tieline.entrypoints.cli.client import Client

    with Client.open() as hub:
        found = ordering.retry(hub, contract, hold)
    if as_json:
        output.document(found)
        return
    output.out().print(f"Looking again at {f'hold {hold}' if hold else f'contract {contract}'}.", markup=False)

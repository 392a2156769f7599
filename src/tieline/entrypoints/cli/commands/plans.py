"""plan, apply, release, retry, settle, resolve: orders that the hub may refuse, shown before they are given."""

from __future__ import annotations

from typing import Annotated

import typer

from tieline.entrypoints.cli.exits import CHANGES, guarded, problem
from tieline.entrypoints.cli.options import AsJson, Yes


def add_to(app: typer.Typer) -> None:
    for command in (plan, apply, release, retry, settle, resolve):
        app.command(command.__name__)(command)


@guarded
def plan(
    contract: Annotated[str | None, typer.Argument(help="The contract's id.")] = None,
    detailed_exitcode: Annotated[bool, typer.Option("--detailed-exitcode", help="3 when there are changes.")] = False,
    config: Annotated[
        str | None, typer.Option("--config", "-c", metavar="FILE", help="Under this tieline.yaml instead.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Count the changes of all contracts.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what would change in which system, and change nothing."""
    from tieline.entrypoints.cli import output, planning, views
    from tieline.entrypoints.cli.client import Client

    if (contract is None) != every:
        raise problem("Name one contract, or --all.", code="usage", status=400)
    with Client.open() as hub:
        if contract is None:
            summary = planning.plan_all(hub, config)
            found, lines, changing = summary.document(), list(summary.lines()), bool(summary.changing)
        else:
            found = planning.plan(hub, contract, config)
            lines, changing = [*views.plan_lines(found), *views.next_step(found, config)], views.changes(found)
    if as_json:
        output.document(found)
    else:
        for line in lines:
            output.out().print(line, markup=False)
    if detailed_exitcode and changing:
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


@guarded
def settle(
    hold: Annotated[str, typer.Argument(help="The AMBIGUOUS hold's id, as `tieline list holds` shows it.")],
    there: Annotated[
        str | None, typer.Option("--there", metavar="EXTERNAL_ID", help="It is there, under this id.")
    ] = None,
    not_there: Annotated[
        bool, typer.Option("--not-there", help="It is certainly not there: send it once more.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what you saw in the system after a call whose answer was lost. Look first: this decides what is sent."""
    from tieline.entrypoints.cli import ordering, output
    from tieline.entrypoints.cli.client import Client

    with Client.open() as hub:
        found = ordering.settle(hub, hold, there, not_there=not_there)
    if as_json:
        output.document(found)
        return
    done = "it is sent once more" if not_there else f"it counts as written under {there} and is read back"
    output.out().print(f"Settled hold {hold}: {done}.", markup=False)


@guarded
def resolve(
    replica: Annotated[str, typer.Argument(help="system/kind/key, as the AMBIGUOUS hold names it.")],
    happened: Annotated[
        str | None, typer.Option("--happened", metavar="REF", help="It had its effect, under this id in the system.")
    ] = None,
    did_not_happen: Annotated[
        bool, typer.Option("--did-not-happen", help="It certainly had none: send it once more.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say of one document whether the call whose answer was lost had its effect. Look in the system first."""
    from tieline.entrypoints.cli import ordering, output
    from tieline.entrypoints.cli.client import Client

    with Client.open() as hub:
        found = ordering.resolve(hub, replica, happened, did_not=did_not_happen)
    if as_json:
        output.document(found)
        return
    done = "it is sent once more" if did_not_happen else f"it counts as written under {happened} and is read back"
    output.out().print(f"Resolved {replica}: {done}.", markup=False)

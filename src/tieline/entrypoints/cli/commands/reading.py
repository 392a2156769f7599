"""get, list, trace: what the hub knows."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from tieline.entrypoints.cli.exits import guarded, problem
from tieline.entrypoints.cli.options import AsJson, AsJsonl


class Listing(StrEnum):
    CONTRACTS = "contracts"
    SYSTEMS = "systems"
    HOLDS = "holds"
    PLANS = "plans"
    EVENTS = "events"


COLUMNS = {
    Listing.CONTRACTS: ("id", "number", "title", "status", "next_actor", "held_amount"),
    Listing.SYSTEMS: ("name", "connector", "roles", "legal_entities", "in_step", "not_in_step", "last_webhook_at"),
    Listing.HOLDS: ("hold_id", "contract_id", "code", "owner", "sentence", "way_out"),
    Listing.PLANS: ("plan_id", "contract_id", "state", "changes", "created_at"),
    Listing.EVENTS: ("time", "type", "contract_id", "subject", "actor"),
}


def add_to(app: typer.Typer) -> None:
    app.command("get")(get)
    app.command("list")(listing)
    app.command("trace")(trace)


@guarded
def get(
    what: Annotated[str, typer.Argument(help="contract or plan.")],
    id: Annotated[str, typer.Argument(help="Its id, as `tieline list` shows it.")],
    as_json: AsJson = False,
) -> None:
    """Show one contract (where it stands in every system) or one plan."""
    from tieline.entrypoints.cli import contracts, output, views
    from tieline.entrypoints.cli.client import Client

    with Client.open() as hub:
        if what == "contract":
            found = hub.get(f"/experience/v1/contracts/{id}")
            lines = contracts.contract_lines(found)
        elif what == "plan":
            found = hub.get(f"/process/v1/plans/{id}")
            lines = views.plan_lines(found)
        else:
            raise problem(f"`get` shows a contract or a plan, not {what!r}.", code="usage", status=400)
    if as_json:
        output.document(found)
        return
    for line in lines:
        output.out().print(line, markup=False)


@guarded
def listing(
    what: Annotated[Listing, typer.Argument(help="What to list.")],
    as_json: AsJson = False,
    as_jsonl: AsJsonl = False,
) -> None:
    """List contracts, systems, holds, plans or events."""
    from tieline.entrypoints.cli import contracts, output
    from tieline.entrypoints.cli.client import Client

    with Client.open() as hub:
        rows = contracts.rows(hub, what.value)
        if as_jsonl:
            output.stream(rows)
            return
        found = list(rows)
    if as_json:
        output.document(found)
        return
    shown: list[dict[str, Any]] = [contracts.flat(row) for row in found]
    output.table(what.value, COLUMNS[what], shown, empty=f"No {what.value}.")


@guarded
def trace(
    contract: Annotated[str, typer.Argument(help="The contract's id.")],
    as_json: AsJson = False,
) -> None:
    """Show what caused what for a contract, across all systems."""
    from tieline.entrypoints.cli import output, views
    from tieline.entrypoints.cli.client import Client

    with Client.open() as hub:
        found = hub.get(f"/experience/v1/contracts/{contract}/trace")
    if as_json:
        output.document(found)
        return
    for line in views.trace_lines(found):
        output.out().print(line, markup=False)

"""webhooks list|add|rotate|disable|enable|resend|recover|attempts: who is told of business events."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tieline.entrypoints.cli.exits import guarded
from tieline.entrypoints.cli.options import AsJson, Yes

ENDPOINTS = "/webhooks/v1/endpoints"
Endpoint = Annotated[str, typer.Argument(help="The endpoint's id, as `tieline webhooks list` shows it.")]
LIST_COLUMNS = ("endpoint_id", "url", "state", "types", "legal_entities", "behind", "waiting", "next_at")
ATTEMPT_COLUMNS = ("attempted_at", "outcome", "status", "duration_ms", "number", "event_id", "problem")

webhooks = typer.Typer(no_args_is_help=True, help="Tell other applications of business events by signed webhooks.")


def add_to(app: typer.Typer) -> None:
    for name, command in (
        ("list", listing), ("add", add), ("rotate", rotate), ("disable", disable), ("enable", enable),
        ("resend", resend), ("recover", recover), ("attempts", attempts),
    ):  # fmt: skip
        webhooks.command(name)(command)
    app.add_typer(webhooks, name="webhooks")


@guarded
def listing(as_json: AsJson = False) -> None:
    """List the endpoints: how far each was told, how it is doing, what waits."""
    from tieline.entrypoints.cli import contracts, output
    from tieline.entrypoints.cli.client import Client

    with Client.open() as hub:
        found = hub.all(ENDPOINTS)
    if as_json:
        output.document(found)
        return
    rows = [contracts.flat({**row, "behind": row["feed_position"] - row["position"]}) for row in found]
    output.table("webhooks", LIST_COLUMNS, rows, empty="No endpoints. `tieline webhooks add URL` registers one.")


@guarded
def add(
    url: Annotated[str, typer.Argument(help="Where to send: https://…")],
    types: Annotated[list[str] | None, typer.Option("--type", help="Event type, or its beginning with .*")] = None,
    entities: Annotated[list[str] | None, typer.Option("--legal-entity", help="Only events of this one.")] = None,
    description: Annotated[str, typer.Option("--description", help="For people.")] = "",
    as_json: AsJson = False,
) -> None:
    """Register an endpoint and show its secret, this once."""
    body = {"url": url, "types": types or [], "legal_entities": entities or [], "description": description}
    done = _order(ENDPOINTS, body)
    _tell(done, as_json, f"Registered {done['endpoint_id']}. Its secret, shown only now:\n{done.get('secret', '')}")


@guarded
def rotate(
    endpoint: Endpoint,
    overlap_s: Annotated[int, typer.Option("--overlap", help="Seconds that both secrets sign.")] = 86_400,
    as_json: AsJson = False,
) -> None:
    """Make a new secret and show it, this once; the present one goes on signing beside it for a while."""
    done = _order(f"{ENDPOINTS}/{endpoint}/rotate", {"overlap_s": overlap_s})
    said = f"New secret of {endpoint}, shown only now:\n{done.get('secret', '')}\n"
    _tell(done, as_json, said + f"The earlier one signs beside it until {done.get('earlier_valid_until')}.")


@guarded
def disable(endpoint: Endpoint, yes: Yes = False, as_json: AsJson = False) -> None:
    """Send nothing more; its place in the feed is kept."""
    from tieline.entrypoints.cli.ordering import confirm

    confirm(f"Switch off {endpoint}?", yes=yes)
    _tell(_order(f"{ENDPOINTS}/{endpoint}/disable", {}), as_json, f"Switched off {endpoint}.")


@guarded
def enable(endpoint: Endpoint, as_json: AsJson = False) -> None:
    """Go on where it stood, and try at once what waits."""
    _tell(_order(f"{ENDPOINTS}/{endpoint}/enable", {}), as_json, f"Switched on {endpoint}: what waits is tried now.")


@guarded
def resend(
    endpoint: Endpoint,
    event: Annotated[str, typer.Argument(help="The event's id.")],
    as_json: AsJson = False,
) -> None:
    """Send one event once more, under its own id."""
    done = _order(f"{ENDPOINTS}/{endpoint}/resend", {"event_id": event})
    _tell(done, as_json, f"Event {event} is sent to {endpoint} again.")


@guarded
def recover(
    endpoint: Endpoint,
    since: Annotated[str, typer.Option("--since", help="An instant with its zone, such as 2026-03-01T00:00:00Z.")],
    as_json: AsJson = False,
) -> None:
    """Send everything recorded since an instant once more, under the same ids."""
    done = _order(f"{ENDPOINTS}/{endpoint}/recover", {"since": since})
    _tell(done, as_json, f"Up to {done.get('positions')} events since {since} are sent to {endpoint} again.")


@guarded
def attempts(
    endpoint: Endpoint,
    limit: Annotated[int, typer.Option("--limit", min=1, max=200, help="How many, newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show what the endpoint answered when, newest first."""
    from tieline.entrypoints.cli import output
    from tieline.entrypoints.cli.client import Client

    with Client.open() as hub:
        found = hub.get(f"{ENDPOINTS}/{endpoint}/attempts", limit=limit)["attempts"]
    if as_json:
        output.document(found)
        return
    output.table("attempts", ATTEMPT_COLUMNS, found, empty="No attempts yet.")


def _order(path: str, body: dict[str, Any]) -> dict[str, Any]:
    from tieline.entrypoints.cli.client import Client

    with Client.open() as hub:
        return dict(hub.post(path, body) or {})


def _tell(done: dict[str, Any], as_json: bool, said: str) -> None:
    from tieline.entrypoints.cli import output

    if as_json:
        output.document(done)
    else:
        output.out().print(said, markup=False)

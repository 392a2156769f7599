"""Orders with a confirmation in front and proof behind: apply a plan, release an invoice, retry."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import typer

from tieline.entrypoints.cli import output, views
from tieline.entrypoints.cli.client import Client
from tieline.entrypoints.cli.exits import CONFLICT, UNREACHABLE, USAGE, problem

POLL_S = 0.25


def confirm(question: str, *, yes: bool) -> None:
    """Asks on a terminal; without one only `--yes` will do, because nobody could answer."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise problem(
            f"{question} Nobody can answer here.",
            code="not_confirmed",
            status=400,
            exit_code=USAGE,
            way_out="add `--yes`",
        )
    if not typer.confirm(question, err=True):
        raise problem("Nothing was changed.", code="declined", status=409, exit_code=CONFLICT)


def settle(hub: Client, hold: str, there: str | None, *, not_there: bool) -> dict[str, Any]:
    """What a person saw in the system after a call without an answer; exactly one of the two."""
    if (there is None) != not_there:
        raise problem(
            "Say either --there with the document's id in the system, or --not-there.",
            code="usage", status=400, exit_code=USAGE,
        )  # fmt: skip
    body: dict[str, Any] = {"happened": False} if not_there else {"external_id": there}
    return hub.post(f"/process/v1/holds/{hold}/settle", body) or {}


def resolve(hub: Client, replica: str, happened: str | None, *, did_not: bool) -> dict[str, Any]:
    """Settles the ambiguous call of one replica (system/kind/key). Raises Problem when it waits for nobody."""
    if (happened is None) != did_not:
        raise problem(
            "Say either --happened with the document's id in the system, or --did-not-happen.",
            code="usage", status=400, exit_code=USAGE,
        )  # fmt: skip
    waiting = hub.rows("/experience/v1/holds")
    found = next((hold for hold in waiting if hold.get("subject") == replica and hold["code"] == "AMBIGUOUS"), None)
    if found is None:
        raise problem(
            f"{replica} does not wait for a person to look.", code="not_found", status=404, exit_code=CONFLICT,
            way_out="`tieline list holds` names what waits",
        )  # fmt: skip
    return settle(hub, str(found.get("hold_id") or found.get("id")), happened, not_there=did_not)


def apply(hub: Client, plan_id: str, *, yes: bool, wait_s: float, quiet: bool) -> dict[str, Any]:
    """Applies exactly the shown plan. Raises Problem with exit 6 when the world has moved since it was proposed."""
    plan = hub.get(f"/process/v1/plans/{plan_id}")
    if not quiet:
        for line in views.plan_lines(plan):
            output.say(line)
    if plan.get("state") == "stale":
        raise stale(plan_id)
    if plan.get("state") == "proposed":
        confirm(f"Apply plan {plan_id}?", yes=yes)
        hub.post(f"/process/v1/plans/{plan_id}/apply", {"digest": plan.get("digest")}, key=f"apply-{plan_id}")
    return await_certificate(hub, plan_id, wait_s)


def await_certificate(hub: Client, plan_id: str, wait_s: float) -> dict[str, Any]:
    """Until every system has been read back, or the time is over."""
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        plan: dict[str, Any] = hub.get(f"/process/v1/plans/{plan_id}")
        if plan.get("state") == "stale":
            raise stale(plan_id)
        if plan.get("certificate"):
            return plan
        time.sleep(POLL_S)
    raise problem(
        f"Plan {plan_id} is approved, but not every system has confirmed it within {wait_s:g} seconds; nothing is lost.",
        code="not_confirmed_yet",
        status=504,
        exit_code=UNREACHABLE,
        way_out=f"`tieline get plan {plan_id}` shows who is missing",
    )


def stale(plan_id: str) -> Exception:
    return problem(
        f"Plan {plan_id} is stale: the contract has moved since it was proposed, and only what was shown is ever applied.",
        code="plan_stale",
        status=409,
        exit_code=CONFLICT,
        way_out="`tieline plan` shows what is proposed now",
    )


def certificate_lines(plan: Mapping[str, Any]) -> Iterator[str]:
    """The certificate: each replica with the system's own evidence that it holds what the plan said."""
    certificate = plan["certificate"]
    yield f"Applied plan {plan['plan_id']}. Certificate:"
    for line in certificate.get("lines") or certificate.get("replicas") or ():
        seen = line.get("confirmed_at") or line.get("observed_at") or ""
        title = views.TITLES.get(line["kind"], line["kind"])
        yield f"  ✓ {title} {line['key']} in {line['system']}, read back {str(seen)[:19].replace('T', ' ')}"


def release(hub: Client, invoice_id: str, *, yes: bool, quiet: bool) -> dict[str, Any]:
    """Shows the frozen document and releases exactly that digest."""
    invoice = hub.get(f"/process/v1/invoices/{invoice_id}")
    if not quiet:
        for line in views.invoice_lines(invoice):
            output.say(line)
    confirm(f"Release invoice {invoice_id}?", yes=yes)
    body = {"digest": invoice["digest"]}
    answer: dict[str, Any] = hub.post(f"/process/v1/invoices/{invoice_id}/release", body, key=f"release-{invoice_id}")
    return {**invoice, **(answer or {})}


def retry(hub: Client, contract: str | None, hold: str | None) -> dict[str, Any]:
    if (contract is None) == (hold is None):
        raise problem("Name one contract, or one hold with --hold.", code="usage", status=400, exit_code=USAGE)
    path = f"/process/v1/holds/{hold}/retry" if hold else f"/process/v1/contracts/{contract}/retry"
    return hub.post(path) or {}

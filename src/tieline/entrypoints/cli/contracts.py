"""Contracts, holds, plans and systems as rows and as one line: the vocabulary that `list` and `get` share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tieline.entrypoints.cli.client import Client
from tieline.entrypoints.cli.output import money
from tieline.entrypoints.cli.views import TITLES, invoice_lines, plan_lines

Doc = Mapping[str, Any]
ROUTES = {
    "contracts": "/experience/v1/contracts",
    "holds": "/experience/v1/holds",
    "events": "/events/v1",
}
ICONS = {"in_step": "✓", "held": "✗", "blocked": "✗", "differs": "≠", "ambiguous": "✗", "awaiting_approval": "?"}


def rows(hub: Client, what: str) -> Iterator[dict[str, Any]]:
    """Rows of one listing. Plans are those of the contracts, since each belongs to one."""
    if what == "systems":
        yield from hub.all("/system/v1/systems")
        return
    if what in ROUTES:
        yield from hub.rows(ROUTES[what])
        return
    for contract in hub.rows(ROUTES["contracts"]):
        whole = hub.get(f"/experience/v1/contracts/{contract['id']}")
        for row in whole.get(what, ()):
            yield {"contract_id": contract["id"], **row}


def flat(row: Doc) -> dict[str, Any]:
    """One row for a table: money as text, lists joined, nothing nested."""
    found = {name: cell(part) for name, part in row.items()}
    found["held_amount"] = money(row.get("held"))
    found["contract_id"] = row.get("contract_id") or str(row.get("partitionkey", "")).removeprefix("contract:")
    if "items" in row:
        found["changes"] = str(sum(1 for item in row["items"] if item.get("action") not in ("none", "no_change")))
    return found


def cell(part: Any) -> Any:
    if isinstance(part, Mapping):
        return money(part) if set(part) == {"amount", "currency"} else str(dict(part))
    if isinstance(part, list):
        return ", ".join(str(each) for each in part)
    return part


def contract_lines(contract: Doc) -> Iterator[str]:
    """Where a contract stands: the way through the systems, what holds it, what is open."""
    yield f"{contract.get('number', contract['id'])}  {contract.get('title', '')}  {status_word(contract['status'])}"
    yield f"id {contract['id']}, client {contract.get('client', '')}, legal entity {contract.get('legal_entity', '')}"
    for replica in contract.get("replicas", ()):
        yield replica_line(replica)
    for hold in contract.get("holds", ()):
        yield from hold_lines(hold)
    for plan in contract.get("plans", ()):
        yield ""
        yield from plan_lines(plan)
        yield f"To apply exactly this plan: tieline apply {plan.get('plan_id')}"
    for invoice in contract.get("invoices", ()):
        yield ""
        yield from invoice_lines(invoice)
        if invoice.get("state") == "awaiting_release":
            yield f"To release exactly this document: tieline release {invoice['id']}"


def replica_line(replica: Doc) -> str:
    status = replica["status"]
    external = (replica.get("external") or {}).get("id") or ""
    title = TITLES.get(replica["kind"], replica["kind"])
    return (
        f"  {ICONS.get(status, '…')} {status_word(status):<18} {title:<15} {replica['system']:<12} {external}".rstrip()
    )


def hold_lines(hold: Doc) -> Iterator[str]:
    at_risk = money(hold.get("amount")) if isinstance(hold.get("amount"), Mapping) else ""
    yield f"  ! hold {hold['code']}: {hold['sentence']}" + (f" ({at_risk})" if at_risk else "")
    hold_id = hold.get("hold_id", "")
    order = f"settle {hold_id} …" if hold["code"] == "AMBIGUOUS" else f"retry --hold {hold_id}"
    yield f"    Way out: {hold['way_out']} (next: {hold['owner']}; `tieline {order}`)"


def status_word(status: str) -> str:
    return status.replace("_", " ")

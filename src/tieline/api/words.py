"""From stored rows to business documents: the one place where lanes, roots and codes become contracts and invoices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from tieline.kit.canonical import digest
from tieline.kit.difference import changed_fields
from tieline.ports.commands import Preview

Row = Mapping[str, Any]
Document = dict[str, Any]

CONTRACT, CLIENT_RECORD, INVOICE = "contract", "client_record", "invoice"
LANES = "contract:"
AWAITING_RELEASE, AWAITING_APPLY = "AWAITING_RELEASE", "AWAITING_APPLY"
ASKS = frozenset({AWAITING_RELEASE, AWAITING_APPLY})  # holds that only ask for a yes: nothing is wrong


def lane_of(contract_id: str) -> str:
    return LANES + contract_id


def line_of(standing: Row, contract: Row, client: Row | None) -> Document:
    """The contract on one line: does it stand in step, why not, who acts next, how much money hangs on it."""
    status, money = status_of(standing), list(standing["money"])
    return {
        "id": str(standing["lane"]).removeprefix(LANES),
        "number": contract.get("number"),
        "title": contract.get("title"),
        "client": (client or {}).get("name"),
        "client_id": contract.get("client_id"),
        "legal_entity": contract.get("legal_entity"),
        "value": contract.get("total"),
        "status": status,
        "why": why(standing, status),
        "next_actor": next_actor(standing, status),
        "held": max(money, key=lambda each: Decimal(each["amount"]), default=None),
        "at_stake": money,
        "signed_at": contract.get("signed_at"),
    }


def status_of(standing: Row) -> str:
    """As the engine says, but a contract whose only holds ask for a yes is not blocked."""
    wrong = standing["stuck"] or standing["hindered"] or standing["flow_error"]
    if standing["state"] == "blocked" and not wrong and ASKS.issuperset(standing["hold_codes"] or ()):
        return "awaiting_approval"
    return str(standing["state"])


def why(standing: Row, status: str) -> str | None:
    hold = standing["first_hold"]
    if hold:
        return str(hold["sentence"])
    if standing["flow_error"]:
        return "A fault of ours stopped the planning of this contract; we have been told."
    if standing["stuck"]:
        return "A document in one of the systems is not as it should be; its line says more."
    if status == "awaiting_approval":
        return "A change waits for a yes; nothing moves until then."
    return "Changes are on their way to the systems." if status == "moving" else None


def next_actor(standing: Row, status: str) -> str:
    if status == "in_step":
        return "nobody"
    if standing["first_hold"]:
        return str(standing["first_hold"]["owner"])
    if status == "blocked":
        return str(standing["stuck_actor"] or "integration")
    return str(standing["approver"] or "approver") if status == "awaiting_approval" else "engine"


def hold_of(row: Row) -> Document:
    amount = None if row.get("amount") is None else {"amount": row["amount"], "currency": row["currency"]}
    kept = ("hold_id", "code", "subject", "source", "owner", "sentence", "way_out", "since", "evidence")
    return {**{name: row.get(name) for name in kept}, "amount": amount}


def open_hold_of(row: Row) -> Document:
    """A hold in the list of all: with its contract, where it has one."""
    lane = str(row["lane"])
    return {**hold_of(row), "contract_id": lane.removeprefix(LANES) if lane.startswith(LANES) else None, "lane": lane}


def item_of(item: Row) -> Document:
    """One line of a plan, with the fields that change."""
    before, after = item.get("before"), item.get("after")
    fields = [{"name": c.name, "old": c.old, "new": c.new} for c in changed_fields(before, after)]
    kept = ("replica_id", "action", "system", "role", "kind", "key", "gate", "revision")
    return {**{name: item[name] for name in kept if name in item}, "fields": fields, "before": before, "after": after}


def plan_of(row: Row) -> Document:
    lane = str(row.get("lane") or "")
    kept = ("plan_id", "gate", "state", "digest", "created_at", "decided_by", "decided_at", "config_version")
    return {
        **{name: row[name] for name in kept if name in row},
        "lane": lane,
        "contract_id": lane.removeprefix(LANES),
        "items": [item_of(item) for item in row["items"]],
    }


def invoices_of(records: Iterable[Row], replicas: Iterable[Row], holds: Iterable[Row]) -> list[Document]:
    """Invoices as prepared; each is released by the digest of exactly its document."""
    rows = list(records)
    withdrawn = {row["doc"].get("invoice_id") for row in rows if row["kind"] == "invoice_withdrawal"}
    waiting = {row["subject"] for row in holds if row["code"] == AWAITING_RELEASE}
    posted = {row["doc"].get("invoice_id"): row for row in replicas if row["kind"] == "invoice_posting"}
    found = []
    for row in (row for row in rows if row["kind"] == INVOICE):
        posting = posted.get(row["record_id"])
        state = _invoice_state(row["record_id"], withdrawn, waiting, posting)
        number = (((posting or {}).get("external") or {}).get("extra") or {}).get("number")
        found.append(
            {
                "id": row["record_id"],
                "state": state,
                "number": number,
                "digest": digest(row["doc"]).hex(),
                "document": row["doc"],
            }
        )
    return found


def _invoice_state(invoice_id: str, withdrawn: Iterable[Any], waiting: Iterable[Any], posting: Row | None) -> str:
    if invoice_id in withdrawn:
        return "withdrawn"
    if f"invoice:{invoice_id}" in waiting:
        return "awaiting_release"
    return "posted" if posting is not None and posting["status"] == "in_step" else "released"


def replica_of(row: Row) -> Document:
    kept = (
        "replica_id", "system", "kind", "key", "role", "legal_entity", "nature", "status", "revision",
        "confirmed_revision", "external", "observed_at", "next_actor", "latest_at", "problem",
    )  # fmt: skip
    return {name: row.get(name) for name in kept}


def differences(wanted: Row, seen: Row | None) -> list[Document]:
    """Fields that a system was seen to hold otherwise; fields that it does not carry are not compared."""
    if seen is None:
        return []
    compared = {name: wanted.get(name) for name in seen}
    return [{"name": c.name, "ours": c.old, "theirs": c.new} for c in changed_fields(compared, seen)]


def entry_of(row: Row) -> Document:
    """One entry of a timeline, in the shape of an event."""
    kinds = {
        "effect": "effect",
        "hold_raised": "hold.raised",
        "hold_lifted": "hold.lifted",
        "approval": "approval.given",
    }
    return {
        "recorded_at": row["at"],
        "entry": row["entry"],
        "type": row["name"] if row["entry"] == "event" else kinds[row["entry"]],
        "what": row["name"],
        "subject": row["subject"],
        "actor": row["actor"],
        "detail": row["detail"],
        "correlation_id": row["correlation_id"],
    }


def node_of(row: Row) -> Document:
    """One node of the causal tree with its branches."""
    detail, name = row["detail"] or {}, str(row["name"])
    external = (detail.get("external") or {}).get("id")
    return {
        "node": row["node"],
        "id": row["id"],
        "at": row["at"],
        "system": row["system"],
        "what": name.removeprefix("dev.tieline."),
        "outcome": row["state"],
        "external_id": external,
        "actor": row["actor"],
        "lane": row["lane"],
        "correlation_id": row["correlation_id"],
        "causation_id": row["causation_id"],
        "detail": detail,
        "children": [node_of(child) for child in row["children"]],
    }


def event_of(row: Row) -> Document:
    """A CloudEvent's attributes beside our own order."""
    return {
        "id": row["event_id"],
        "type": row["type"],
        "subject": row["subject"],
        "time": row["recorded_at"],
        "position": row["lane_seq"],
        "partitionkey": row["lane"],
        "legalentity": row["legal_entity"],
        "correlationid": row["correlation_id"],
        "causationid": row["causation_id"],
        "actor": row["actor"],
        "data": row["data"],
    }


def totals(items: Sequence[Row]) -> dict[str, int]:
    """How many replicas a plan creates, updates and ends."""
    actions = [item["action"] for item in items]
    return {name: actions.count(name) for name in ("create", "update", "end")}


def preview_of(preview: Preview) -> Document:
    """A plan that is not stored: its changes, what holds it, and what is left where it is."""
    items = [item_of(asdict(item)) for item in preview.items]
    left: dict[str, list[str]] = {}
    for each in preview.left:
        left.setdefault(each.system, []).append(each.replica_id)
    return {
        "plan_id": preview.plan_id,
        "holds": [hold_of(hold) for hold in preview.holds],
        "items": items,
        "totals": totals(items),
        "left": [{"system": name, "count": len(ids), "replica_ids": ids} for name, ids in sorted(left.items())],
    }

"""How documents of the API read on a terminal. Pure: documents in, lines out; the tests read these like a person does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tieline.entrypoints.cli.output import money

Doc = Mapping[str, Any]
SIGNS = {"create": "+", "update": "~", "end": "-", "none": "=", "no_change": "="}
UNCHANGED = ("none", "no_change")
TITLES = {
    "client": "client", "project": "project", "work_element": "work breakdown", "billing_rule": "billing rule",
    "time_charge": "time", "invoice": "invoice", "invoice_posting": "posting",
}  # fmt: skip


def value(found: Any) -> str:
    """One value as a person writes it: money with its currency, nothing as (none)."""
    if found is None:
        return "(none)"
    if isinstance(found, Mapping):
        if set(found) == {"amount", "currency"}:
            return money(found)
        return ", ".join(f"{name} {value(part)}" for name, part in found.items())
    if isinstance(found, Sequence) and not isinstance(found, str):
        return "; ".join(value(part) for part in found)
    return str(found)


def plan_lines(plan: Doc) -> Iterator[str]:
    """A plan as Terraform prints one: what is created, changed from what to what, ended, left alone, and what holds."""
    yield f"Plan for contract {plan.get('contract_id') or plan.get('lane') or ''}".rstrip()
    yield ""
    for item in plan.get("items", ()):
        yield from item_lines(item)
    for hold in plan.get("holds", ()):
        yield f"  ! hold  {hold['sentence']}"
        yield f"          Way out: {hold['way_out']} (next: {hold['owner']})"
    yield from left_lines(plan)
    yield ""
    yield totals(plan)


def item_lines(item: Doc) -> Iterator[str]:
    action = str(item.get("action", "none"))
    title = TITLES.get(item["kind"], item["kind"])
    where = item.get("system") or item.get("role") or ""
    if action in UNCHANGED:
        yield f"  = {title} {item['key']} in {where} (no change)"
        return
    yield f"  {SIGNS.get(action, '?')} {action} {title} {item['key']} in {where}"
    for field in item.get("fields", ()):
        if action == "create":
            yield f"      + {field['name']}: {value(field.get('new'))}"
        else:
            yield f"      ~ {field['name']}: {value(field.get('old'))} → {value(field.get('new'))}"


def totals(plan: Doc) -> str:
    actions = [str(item.get("action", "none")) for item in plan.get("items", ())]
    return counted({name: actions.count(name) for name in ("create", "update", "end")})


def counted(counts: Mapping[str, int]) -> str:
    if not any(counts.values()):
        return "No changes: every system holds what the contract says."
    return f"Plan: {counts['create']} to create, {counts['update']} to update, {counts['end']} to end."


def left_lines(plan: Doc) -> Iterator[str]:
    """What stays behind in a system that no longer plays its role."""
    for each in plan.get("left", ()):
        noun = "replica stays where it is" if each["count"] == 1 else "replicas stay where they are"
        yield f"  = {each['count']} {noun} in {each['system']} (left, not deleted)"


def next_step(plan: Doc, config: str | None) -> Iterator[str]:
    """The command that makes the shown plan come true."""
    if plan_id(plan):
        yield f"\nTo apply exactly this plan:\n  tieline apply {plan_id(plan)}"
    elif config is not None and changes(plan):
        yield f"\nTo apply it, start the hub with this file:\n  tieline up --config {config}"


def invoice_lines(invoice: Doc) -> Iterator[str]:
    """The frozen document that a release posts, with the digest that the release is bound to."""
    doc = invoice.get("document") or invoice.get("doc") or invoice
    yield f"Invoice {doc['id']} for contract {doc.get('contract_id', '')}, dated {doc['invoice_date']}"
    for line in doc.get("lines", ()):
        yield f"  {line['position']:>2}  {line['description']}  {line['quantity']} × {line['unit_price']}  {value(line['amount'])}"
    yield f"      net {value(doc['net'])}, tax {doc['tax_code']} {value(doc['tax'])}, total {value(doc['total'])}"
    yield f"  digest {invoice.get('digest', '(none yet)')}"


def trace_lines(trace: Doc) -> Iterator[str]:
    """The causal tree: every node with its time, system, what happened, the external id and the outcome."""
    yield f"contract {trace.get('contract_id') or trace.get('id') or ''}"
    roots = trace.get("nodes") or trace.get("tree") or ()
    for number, node in enumerate(roots):
        yield from _branch(node, "", last=number == len(roots) - 1)


def _branch(node: Doc, indent: str, *, last: bool) -> Iterator[str]:
    yield f"{indent}{'└─ ' if last else '├─ '}{_node(node)}"
    children = node.get("children") or ()
    deeper = indent + ("   " if last else "│  ")
    for number, child in enumerate(children):
        yield from _branch(child, deeper, last=number == len(children) - 1)


def _node(node: Doc) -> str:
    parts = [str(node.get("at", ""))[:19].replace("T", " "), node.get("system"), node.get("what") or node.get("type")]
    external = node.get("external_id")
    outcome = node.get("outcome")
    text = "  ".join(str(part) for part in parts if part)
    return text + (f"  [{external}]" if external else "") + (f"  {outcome}" if outcome else "")


def plan_id(plan: Doc) -> str | None:
    """The id to apply: only a proposed plan has one, a preview without changes does not."""
    found = plan.get("plan_id") or plan.get("id")
    return str(found) if found else None


def changes(plan: Doc) -> bool:
    return any(item.get("action", "none") not in UNCHANGED for item in plan.get("items", ()))

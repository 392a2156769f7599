"""From one CloudEvent to one canonical record. Pure; the event's data is the whole document in our own spelling."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields
from datetime import UTC
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, get_type_hints

import msgspec

from tieline import sdk

_TEXT_MAX = 2000
_IDENTIFIER = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_HOURS_MAX = Decimal(24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """One kind of event that the inbox takes. `state` is what the type promises about the document."""

    topic: str
    kind: str
    record: type[Any]
    state: str | None = None


ACCEPTED: Mapping[str, Accepted] = {
    "dev.tieline.time_entry.approved.v1": Accepted(
        topic="time_entry", kind="time_entry", record=sdk.TimeEntry, state="approved"
    ),
    "dev.tieline.contract.approved.v1": Accepted(
        topic="contract_approval", kind="contract_approval", record=sdk.ContractApproval
    ),
    "dev.tieline.invoice.requested.v1": Accepted(
        topic="invoice_request", kind="invoice_request", record=sdk.InvoiceRequest
    ),
    "dev.tieline.purchase_order.recorded.v1": Accepted(
        topic="purchase_order", kind="purchase_order", record=sdk.PurchaseOrder
    ),
}
TOPICS = tuple(sorted({accepted.topic for accepted in ACCEPTED.values()}))


def checked(event: sdk.Json, sources: Sequence[str] = ()) -> tuple[Accepted, Any]:
    """The kind and the document of an event. Raises Rejected with every fault, NotAllowed for a foreign source."""
    if not isinstance(event, dict):
        raise _rejected([sdk.Fault("", "must be a CloudEvent in JSON")])
    faults = _envelope_faults(event)
    accepted = ACCEPTED.get(str(event.get("type")))
    if accepted is None:
        faults.append(sdk.Fault("/type", f"must be one of {', '.join(sorted(ACCEPTED))}"))
    elif isinstance(event.get("data"), dict):
        faults += _document_faults(event["data"], accepted)
    if faults or accepted is None:
        raise _rejected(faults)
    if sources and event["source"] not in sources:
        raise sdk.NotAllowed(f"Events from {event['source']!r} are not taken: add it to sources of this inbox.")
    return accepted, sdk.restore(event["data"], accepted.record)


def to_change(event: sdk.Json, sources: Sequence[str] = ()) -> sdk.Change:
    accepted, document = checked(event, sources)
    return sdk.Change(
        kind=accepted.kind,
        id=document.id,
        lane=_lane(accepted, document),
        source_version=source_version(event),
        doc=sdk.plain(document),
        fact=event["type"],
    )


def _lane(accepted: Accepted, document: Any) -> str:
    """A client's order stands by itself, since several contracts may be billed on it."""
    own = accepted.kind == "purchase_order"
    return f"purchase_order:{document.id}" if own else f"contract:{document.contract_id}"


def source_version(event: Mapping[str, sdk.Json]) -> str:
    """When it happened, in one fixed spelling, so that later versions sort later as text."""
    return sdk.instant(event["time"]).astimezone(UTC).isoformat(timespec="microseconds")


def _envelope_faults(event: Mapping[str, sdk.Json]) -> list[sdk.Fault]:
    faults = [] if event.get("specversion") == "1.0" else [sdk.Fault("/specversion", 'must be "1.0"')]
    for name in ("id", "source", "type"):
        text = event.get(name)
        if not isinstance(text, str) or not text or len(text) > _TEXT_MAX:
            faults.append(sdk.Fault(f"/{name}", "must be a text that is not empty"))
    if _instant_fault(event.get("time")):
        faults.append(sdk.Fault("/time", "must be an instant with time zone, such as 2026-03-02T17:00:00Z"))
    if str(event.get("datacontenttype", "application/json")).split(";")[0] != "application/json":
        faults.append(sdk.Fault("/datacontenttype", "must be application/json"))
    if not isinstance(event.get("data"), dict):
        faults.append(sdk.Fault("/data", "must be the whole document as an object"))
    return faults


@cache
def _shape(accepted: Accepted) -> tuple[Mapping[str, Any], Mapping[str, Field[Any]]]:
    """Types and fields of a record, worked out once per class."""
    return get_type_hints(accepted.record), {field.name: field for field in fields(accepted.record)}


def _document_faults(data: Mapping[str, sdk.Json], accepted: Accepted) -> list[sdk.Fault]:
    """Field by field, because a sender wants to hear of all faults at once."""
    hints, known = _shape(accepted)
    faults = [sdk.Fault(f"/data/{name}", "is not a field of this document") for name in data if name not in known]
    for name, field in known.items():
        if name in data:
            faults += _field_faults(name, data[name], hints[name])
        elif field.default is MISSING and field.default_factory is MISSING:
            faults.append(sdk.Fault(f"/data/{name}", "is missing"))
    if not faults and accepted.state is not None and data["state"] != accepted.state:
        faults.append(sdk.Fault("/data/state", f"must be {accepted.state}, because the type says so"))
    return faults


def _field_faults(name: str, value: sdk.Json, hint: Any) -> list[sdk.Fault]:
    path = f"/data/{name}"
    if name == "hours":
        return _hours_faults(path, value)
    if hint is sdk.Money:
        return _money_faults(path, value)
    if value is not None and not isinstance(value, str):  # every other field of these documents is written as text
        return [sdk.Fault(path, "must be a text")]
    try:
        sdk.restore(value, hint)
    except (msgspec.ValidationError, ValueError) as error:
        return [sdk.Fault(path, f"is not usable: {str(error)[:200]}")]
    if (name == "id" or name.endswith("_id")) and not _IDENTIFIER.fullmatch(str(value)):
        return [sdk.Fault(path, "must be 1 to 64 letters, digits or . _ : -")]
    if name.endswith("_at") and value is not None and _instant_fault(value):
        return [sdk.Fault(path, "must be an instant with time zone")]
    return [sdk.Fault(path, f"may have {_TEXT_MAX} characters")] if len(str(value)) > _TEXT_MAX else []


def _money_faults(path: str, value: sdk.Json) -> list[sdk.Fault]:
    try:
        money = sdk.Money.of(value["amount"], value["currency"])
        usable = isinstance(value["amount"], str) and value.keys() == {"amount", "currency"} and money.amount > 0
    except (KeyError, TypeError, ValueError, AttributeError, InvalidOperation):
        usable = False
    fault = 'must be an amount above zero, such as {"amount": "20000.00", "currency": "EUR"}'
    return [] if usable else [sdk.Fault(path, fault)]


def _hours_faults(path: str, value: sdk.Json) -> list[sdk.Fault]:
    """Decimals are text, so that 7.1 stays 7.1. A negative quantity is the mirror of an earlier one (a correction)."""
    try:
        hours = Decimal(value) if isinstance(value, str) else Decimal("NaN")
    except InvalidOperation:
        hours = Decimal("NaN")
    if not hours.is_finite() or abs(hours) > _HOURS_MAX:
        return [sdk.Fault(path, 'must be hours of one day as a decimal text, such as "7.5"')]
    return []


def _instant_fault(value: sdk.Json) -> bool:
    try:
        sdk.instant(value)
    except (TypeError, ValueError, OverflowError):
        return True
    return False


def _rejected(faults: Sequence[sdk.Fault]) -> sdk.Rejected:
    listed = "; ".join(f"{fault.path or 'the message'} {fault.message}" for fault in faults)
    return sdk.Rejected(f"The event cannot be used: {listed}.", faults=faults)

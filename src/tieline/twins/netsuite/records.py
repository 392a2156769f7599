"""What a record may hold: property names, types, references and sublists, checked as the vendor checks them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import msgspec

from tieline.kit.canonical import Json
from tieline.twins.netsuite.refusals import Refusal, invalid, user_error

# Names and types as the 2026.1 record browser lists them; `ref X` names the record type referred to.
FIELDS: dict[str, dict[str, str]] = msgspec.json.decode((Path(__file__).parent / "fields.json").read_bytes())
KINDS = ("customer", "job", "projectTask", "timeBill", "charge", "billingSchedule", "invoice", "accountingPeriod")

# What the browser leaves open or what an account knows under a second type.
_TARGETS: dict[tuple[str, str], tuple[str, ...]] = {
    ("job", "parent"): ("customer",),
    ("projectTask", "project"): ("job",),
    ("projectTask-assignee", "resource"): ("employee",),
    ("projectTask-assignee", "serviceItem"): ("item",),
    ("timeBill", "customer"): ("job", "customer"),
    ("timeBill", "caseTaskEvent"): ("projectTask",),
    ("timeBill", "employee"): ("employee",),
    ("timeBill", "item"): ("item",),
    ("charge", "billingItem"): ("item",),
    ("invoice", "entity"): ("customer", "job"),
    ("invoice-item", "item"): ("item",),
    ("invoice-item", "taxCode"): ("taxCode",),
}
_KNOWN_TARGETS = {*KINDS, "subsidiary", "currency", "employee", "item", "taxCode"}
_REQUIRED = {
    "customer": ("companyName", "subsidiary"),
    "job": ("companyName",),
    "projectTask": ("title", "project"),
    "timeBill": ("employee", "hours", "tranDate"),
    "charge": ("billTo", "rate"),
    "billingSchedule": ("name", "scheduleType"),
    "invoice": ("entity", "item"),
    "accountingPeriod": ("periodName", "startDate", "endDate"),
}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATETIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})")
EXTERNAL_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")

Resolve = Callable[[str, str, str], str | None]  # (record type, "id" or "externalId", value) -> internal id
Doc = dict[str, Any]


def checked(kind: str, given: Mapping[str, Json], resolve: Resolve, *, strict: bool, at: str = "") -> Doc:
    """Given properties in stored form. `strict`: an unknown name is an error; the vendor's default drops it silently."""
    known, result = FIELDS[kind], {}
    for name, value in given.items():
        if name in ("id", "links", "refName"):
            continue
        if name not in known:
            if strict:
                raise Refusal(f"Unknown reference or field: {name}.", code="NONEXISTENT_FIELD", path=at + name)
            continue
        result[name] = None if value is None else _value(kind, name, value, resolve, strict, at + name)
    return result


def _value(kind: str, name: str, value: Json, resolve: Resolve, strict: bool, path: str) -> Json:
    what, _, rest = FIELDS[kind][name].partition(" ")
    match what:
        case "ref":
            targets = _TARGETS.get((kind, name)) or ((rest,) if rest else ())
            return _referred(targets, value, resolve, path)
        case "enum":
            return _chosen(rest.split(), value, path)
        case "list":
            items = value.get("items") if isinstance(value, dict) else None
            if not isinstance(items, list):
                raise invalid("A sublist is an object with items.", path)
            return [
                checked(rest, item, resolve, strict=strict, at=f"{path}.items[{n}].") for n, item in enumerate(items)
            ]
        case "object":
            return _object(rest.split(), value, strict, path)
        case "number" | "integer":
            return _number(value, path)
    return _plain(what, value, path)


def _plain(what: str, value: Json, path: str) -> Json:
    pattern = {"date": _DATE, "datetime": _DATETIME}.get(what)
    if what == "boolean":
        fits = isinstance(value, bool)
    else:
        fits = isinstance(value, str) and (pattern is None or pattern.fullmatch(value) is not None)
    if not fits:
        raise invalid(f"Invalid value for the {what} field.", path)
    return value


def _number(value: Json, path: str) -> str:
    if isinstance(value, bool):
        raise invalid("Invalid number.", path)
    try:
        return format(Decimal(str(value)), "f")
    except InvalidOperation:
        raise invalid("Invalid number.", path) from None


def _chosen(allowed: list[str], value: Json, path: str) -> Doc:
    chosen = value.get("id") if isinstance(value, dict) else value
    if chosen not in allowed:
        raise invalid(f"Invalid value {chosen!r}.", path)
    return {"id": chosen}


def _object(allowed: list[str], value: Json, strict: bool, path: str) -> Doc:
    if not isinstance(value, dict):
        raise invalid("Invalid object.", path)
    unknown = [name for name in value if name not in allowed]
    if unknown and strict:
        raise Refusal(f"Unknown field: {unknown[0]}.", code="NONEXISTENT_FIELD", path=f"{path}.{unknown[0]}")
    flat = {name: inner.get("id") if isinstance(inner, dict) else inner for name, inner in value.items()}
    return {name: inner for name, inner in flat.items() if name in allowed}


def _referred(targets: tuple[str, ...], value: Json, resolve: Resolve, path: str) -> Doc:
    if not isinstance(value, dict) or not ({"id", "externalId"} & set(value)):
        raise invalid("A reference needs id or externalId.", path)
    by = "id" if "id" in value else "externalId"
    known = [target for target in targets if target in _KNOWN_TARGETS]
    if not known:
        return {"id": str(value[by])}
    for target in known:
        found = resolve(target, by, str(value[by]))
        if found is not None:
            return {"id": found}
    raise invalid(f"Invalid reference value {value[by]} for {path}.", path)


def merged(kind: str, old: Doc, new: Doc, replace: frozenset[str]) -> Doc:
    """What a write leaves. A sublist that is not replaced grows by the lines without a key: the vendor's trap."""
    result = {**old, **new}
    for name, value in new.items():
        if isinstance(value, list) and name not in replace:
            result[name] = _grown(old.get(name) or [], value)
    return {name: value for name, value in result.items() if value is not None}


def _grown(old: list[Doc], new: list[Doc]) -> list[Doc]:
    lines = [dict(line) for line in old]
    for line in new:
        same = next((known for known in lines if "line" in line and known.get("line") == line["line"]), None)
        if same is None:
            lines.append(line)
        else:
            same.update(line)
    return lines


def require(kind: str, doc: Doc) -> None:
    missing = [name for name in _REQUIRED[kind] if doc.get(name) in (None, "", [])]
    if missing:
        raise user_error(f"Please enter value(s) for: {', '.join(missing)}.", missing[0])


def told(kind: str, doc: Doc) -> Doc:
    """A stored record as the account answers with it: numbers as numbers, sublists as collections."""
    known = FIELDS[kind]
    return {name: _told(known[name], value) for name, value in doc.items() if name in known}


def _told(what: str, value: Json) -> Json:
    kind, _, rest = what.partition(" ")
    match kind:
        case "list":
            items = [told(rest, item) for item in value]
            return {"items": items, "count": len(items), "hasMore": False, "offset": 0, "totalResults": len(items)}
        case "number":
            return Decimal(value)
        case "integer":
            return int(Decimal(value))
        case "ref":
            return {"links": [], **value}
    return value

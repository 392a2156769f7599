"""JSON Schema 2020-12 for every business event, generated from its class: closed when writing, so a typo cannot slip in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import jsonschema_rs
import msgspec

from tieline.domain.facts import CATALOGUE, FactType
from tieline.kit.canonical import Json
from tieline.kit.errors import Fault, Rejected

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_REFS = "#/$defs/{name}"


def schema_of(entry: FactType) -> dict[str, Any]:
    """The event's data as a closed schema."""
    (root,), definitions = msgspec.json.schema_components((entry.shape,), ref_template=_REFS)
    name = str(root["$ref"]).rsplit("/", 1)[1]
    body = definitions.pop(name)
    for definition in (body, *definitions.values()):
        _close(definition)
    described = {"title": entry.name, "description": (entry.shape.__doc__ or "").strip()}
    head = {"$schema": _DRAFT, "$id": entry.schema_id, **described}
    rest = {key: value for key, value in body.items() if key not in ("title", "description")}
    return {**head, **rest, **({"$defs": definitions} if definitions else {})}


def validate(event_type: str, data: Mapping[str, Json]) -> None:
    """Raises Rejected, naming every fault with its path, when the event is not in the catalogue or has another shape."""
    if event_type not in CATALOGUE:
        raise Rejected(f"There is no business event {event_type} in the catalogue.", code="fact_unknown")
    found = [
        Fault("/" + "/".join(map(str, error.instance_path)), error.message)
        for error in _validator(event_type).iter_errors(data)
    ]
    if found:
        listed = "; ".join(f"{fault.path}: {fault.message}" for fault in found)
        raise Rejected(f"The event {event_type} does not have its shape: {listed}.", code="fact_invalid", faults=found)


@cache
def _validator(event_type: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(schema_of(CATALOGUE[event_type]), validate_formats=True)


def _close(definition: dict[str, Any]) -> None:
    if definition.get("type") == "object" and "properties" in definition:
        definition["additionalProperties"] = False
        for name, member in definition["properties"].items():
            if name.endswith("_at"):  # instants by our naming; the generator leaves their format out
                _as_instant(member)
    definition.pop("title", None)
    if (text := definition.get("description")) and text.startswith("$"):
        definition.pop("description")


def _as_instant(member: dict[str, Any]) -> None:
    for option in member.get("anyOf", [member]):
        if option.get("type") == "string":
            option["format"] = "date-time"

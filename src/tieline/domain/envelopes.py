"""The CloudEvents 1.0 envelope around a business event, with the attributes that every one of ours carries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from tieline.domain.facts import CATALOGUE
from tieline.kit.canonical import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFrame:
    """What surrounds the data. `partition_key` is the lane, `sequence` its own count, `recorded_at` when we learned it."""

    id: str
    tenant: str
    system: str
    type: str
    subject: str
    occurred_at: datetime
    recorded_at: datetime
    correlation_id: str
    partition_key: str
    sequence: int
    causation_id: str | None = None
    legal_entity: str | None = None
    entity_version: int | None = None
    classification: str = "C1"  # contract-confidential unless said otherwise


def envelope(frame: EventFrame, data: Json) -> dict[str, Json]:
    """Structured-mode JSON. Attributes without a value are left out, as the specification asks.

    A type that has left the catalogue since it was journaled is still told, without the address of its schema.
    """
    attributes: dict[str, Json] = {
        "specversion": "1.0",
        "id": frame.id,
        "source": f"/tenants/{frame.tenant}/systems/{frame.system}",
        "type": frame.type,
        "subject": frame.subject,
        "time": _instant(frame.occurred_at),
        "datacontenttype": "application/json",
        "dataschema": CATALOGUE[frame.type].schema_id if frame.type in CATALOGUE else None,
        "correlationid": frame.correlation_id,
        "causationid": frame.causation_id,
        "partitionkey": frame.partition_key,
        "sequence": f"{frame.sequence:020d}",
        "recordedtime": _instant(frame.recorded_at),
        "tenantid": frame.tenant,
        "legalentity": frame.legal_entity,
        "entityversion": None if frame.entity_version is None else str(frame.entity_version),
        "dataclassification": frame.classification,
    }
    return {name: value for name, value in attributes.items() if value is not None} | {"data": data}


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")

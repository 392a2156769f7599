"""One business event as the bytes that are signed and sent: a CloudEvent in structured mode, never above 20 KB."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tieline.domain.envelopes import EventFrame, envelope
from tieline.kit.canonical import Json, encode

BODY_BYTES_MAX = 20_000
EVENT_PATH = "/events/v1/"


def message(event: Mapping[str, Any], tenant: str, replay_id: str | None = None) -> bytes:
    """Deterministic: the same event has the same bytes on every attempt; a replay says so and keeps the id.

    What is too large is fetched: `dataref` stands in place of its content.
    """
    document = _document(event, tenant, replay_id)
    body = encode(document)
    if len(body) <= BODY_BYTES_MAX:
        return body
    content = {name: value for name, value in document.items() if name != "data"}
    return encode(content | {"dataref": f"{EVENT_PATH}{event['event_id']}"})


def _document(event: Mapping[str, Any], tenant: str, replay_id: str | None) -> dict[str, Json]:
    causation = event["causation_id"]
    frame = EventFrame(
        id=str(event["event_id"]), tenant=tenant, system="tieline", type=event["type"], subject=event["subject"],
        occurred_at=event["recorded_at"], recorded_at=event["recorded_at"], correlation_id=str(event["correlation_id"]),
        partition_key=event["lane"], sequence=event["lane_seq"],
        causation_id=None if causation is None else str(causation), legal_entity=event["legal_entity"],
    )  # fmt: skip
    replay = {} if replay_id is None else {"replayid": replay_id}
    return envelope(frame, event["data"]) | replay

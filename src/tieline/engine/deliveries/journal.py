"""Changes of endpoints in the journal of business events: who registered, rotated, switched off, resent (A1)."""

from __future__ import annotations

from uuid import UUID

from tieline.engine.events import NewEvent, append_events
from tieline.engine.rows import Cursor
from tieline.kit.ids import uuid7

ENDPOINT_CHANGED = "dev.tieline.endpoint.changed.v1"


def lane_of(endpoint_id: str) -> str:
    return f"endpoint:{endpoint_id}"


async def journal_change(
    cursor: Cursor, tenant: str, endpoint_id: str, change: str, actor: str, correlation_id: UUID | None = None
) -> None:
    """One event on the endpoint's lane, whose row is locked by counting it up."""
    lane = lane_of(endpoint_id)
    await cursor.execute(_NUMBER, (tenant, lane))
    found = await cursor.fetchone()
    if found is None:
        raise LookupError(f"{lane} was never registered")
    event = NewEvent(
        lane=lane, lane_seq=int(found["lane_seq"]), type=ENDPOINT_CHANGED, subject=lane,
        data={"endpoint_id": endpoint_id, "change": change}, correlation_id=correlation_id or uuid7(), causation_id=None,
        actor=actor,
    )  # fmt: skip
    await append_events(cursor, tenant, [event])


_NUMBER = "update lanes set lane_seq = lane_seq + 1 where tenant_id = %s and lane = %s returning lane_seq"

"""What people ordered, in the journal: who tried again, who looked and what was found. An operation is followed by it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tieline.engine.events import NewEvent, append_events
from tieline.engine.rows import Cursor, Row
from tieline.kit.ids import uuid7
from tieline.ports.landscape import TenantSetup

HOLD_RETRIED = "dev.tieline.hold.retried.v1"
HOLD_SETTLED = "dev.tieline.hold.settled.v1"


async def journal_order(
    cursor: Cursor,
    setup: TenantSetup,
    lane: Row,
    event_type: str,
    data: dict[str, Any],
    principal: str,
    correlation_id: UUID | None,
) -> None:
    """One event on a lane whose row is locked, numbered like every other of the lane."""
    setup.check_fact(event_type, data)
    await cursor.execute(_NUMBER, (setup.tenant, lane["lane"]))
    found = await cursor.fetchone()
    event = NewEvent(
        lane=lane["lane"], lane_seq=int(found["lane_seq"]) if found else 1, type=event_type, subject=lane["lane"],
        data=data, correlation_id=correlation_id or uuid7(), causation_id=None, actor=principal,
        legal_entity=lane["legal_entity"],
    )  # fmt: skip
    await append_events(cursor, setup.tenant, [event])


_NUMBER = "update lanes set lane_seq = lane_seq + 1 where tenant_id = %s and lane = %s returning lane_seq"

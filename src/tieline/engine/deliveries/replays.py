"""Where a replay begins: an instant or an event as a place in the feed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from tieline.engine.rows import Cursor, Row

LATE = timedelta(minutes=2)  # positions follow commits, record times their beginning: a little more is told again
_STEPS_MAX = 64


async def place_before(cursor: Cursor, since: datetime) -> int:
    """The last position that was certainly recorded before `since`, found by halving: positions are almost in time order."""
    await cursor.execute(_HEAD)
    row = await cursor.fetchone()
    low, high = 0, int(row["position"]) if row else 0
    for _ in range(_STEPS_MAX):
        if low >= high:
            break
        middle = (low + high + 1) // 2
        await cursor.execute(_RECORDED, (middle,))
        found = await cursor.fetchone()
        if found is not None and found["recorded_at"] < since - LATE:
            low = middle
        else:
            high = middle - 1
    return low


async def stored_event(cursor: Cursor, event_id: UUID, legal_entities: Sequence[str] = ()) -> Row | None:
    """An event that has its place in the feed. With `legal_entities`, one of another counts as not there."""
    await cursor.execute(_EVENT, (event_id,))
    row = await cursor.fetchone()
    if row is None or (legal_entities and row["legal_entity"] not in legal_entities):
        return None
    return row


_HEAD = "select position from feed_heads where tenant_id = current_setting('tieline.tenant')"
_RECORDED = "select recorded_at from seals where tenant_id = current_setting('tieline.tenant') and position = %s"
_EVENT = """select e.* from events e join sealed_lanes s on s.tenant_id = e.tenant_id and s.lane = e.lane
where e.tenant_id = current_setting('tieline.tenant') and e.event_id = %s and e.lane_seq <= s.lane_seq"""

"""Business events of one lane in the order of its lock: gapless, hence safe to follow by number."""

from __future__ import annotations

from typing import LiteralString

from tieline.engine.rows import Cursor, Row


async def lane_feed(cursor: Cursor, lane: str, *, after: int, limit: int) -> list[Row]:
    await cursor.execute(_LANE, (lane, after, limit))
    return list(await cursor.fetchall())


_LANE: LiteralString = """select event_id, lane, lane_seq, type, subject, recorded_at, data, correlation_id, causation_id,
  actor, legal_entity
from events where tenant_id = current_setting('tieline.tenant') and lane = %s and lane_seq > %s
order by lane_seq limit %s"""

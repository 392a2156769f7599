"""Business events, as others follow them.

A lane's events are numbered under its lock, gapless: following a lane by number misses nothing. Across lanes they come in
order of record time, `HELD_BACK` behind the present so that a commit under way is not overtaken; a consumer that must miss
nothing follows lanes.
"""

from __future__ import annotations

from datetime import datetime
from typing import LiteralString
from uuid import UUID

from tieline.engine.rows import Cursor, Row


async def lane_feed(cursor: Cursor, lane: str, *, after: int, limit: int) -> list[Row]:
    await cursor.execute(_LANE, (lane, after, limit))
    return list(await cursor.fetchall())


async def feed(cursor: Cursor, *, after: tuple[datetime, UUID] | None, limit: int) -> list[Row]:
    """`after` is (recorded_at, event_id) of the last one seen, None for the start."""
    recorded_at, event_id = after or (None, None)
    await cursor.execute(_ALL, {"at": recorded_at, "id": event_id, "limit": limit})
    return list(await cursor.fetchall())


_COLUMNS: LiteralString = """event_id, lane, lane_seq, type, subject, recorded_at, data, correlation_id, causation_id,
  actor, legal_entity"""
_LANE: LiteralString = (
    "select "
    + _COLUMNS
    + " from events where tenant_id = current_setting('tieline.tenant') and lane = %s and lane_seq > %s"
    + " order by lane_seq limit %s"
)
HELD_BACK: LiteralString = "interval '2 seconds'"
_ALL: LiteralString = (
    "select "
    + _COLUMNS
    + " from events where tenant_id = current_setting('tieline.tenant') and recorded_at < clock_timestamp() - "
    + HELD_BACK
    + """ and (%(at)s::timestamptz is null or (recorded_at, event_id) > (%(at)s::timestamptz, %(id)s::uuid))
order by recorded_at, event_id limit %(limit)s"""
)

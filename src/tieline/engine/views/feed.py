"""Business events, as others follow them.

A lane's events are numbered under its lock, gapless: following a lane by number misses nothing. All events of a tenant come
by their sealed position, gapless too: nothing ever appears before a position that was published, and never against a lane.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString

from tieline.engine.feed.epochs import MARK_BYTES, Place, check_place
from tieline.engine.rows import Cursor, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Events after a place, each with `feed_epoch`, `feed_position`; `end` is where to go on, `more` whether to do so now."""

    events: list[Row]
    end: Place
    more: bool


async def lane_feed(cursor: Cursor, lane: str, *, after: int, limit: int) -> list[Row]:
    await cursor.execute(_LANE, (lane, after, limit))
    return list(await cursor.fetchall())


async def feed(cursor: Cursor, *, after: Place, limit: int) -> Stretch:
    """The next sealed events. Raises CursorGone when a restore gave up something that `after` has seen.

    What is older than the time for which events are kept is passed over, so `events` may be empty while `end` moves on.
    """
    await check_place(cursor, after)
    # Planned anew each time: a plan kept from when a month was empty would read the whole month for every event.
    await cursor.execute(_ALL, (after.position, limit + 1), prepare=False)
    rows = list(await cursor.fetchall())
    shown = rows[:limit]
    end = place_of(shown[-1]) if shown else after
    return Stretch(events=[row for row in shown if row["type"] is not None], end=end, more=len(rows) > limit)


async def newest(cursor: Cursor) -> int:
    """The position of the newest sealed event; 0 before the first. One small row: fit to be asked often."""
    await cursor.execute("select position from feed_heads where tenant_id = current_setting('tieline.tenant')")
    row = await cursor.fetchone()
    return int(row["position"]) if row else 0


async def present(cursor: Cursor) -> Place:
    """After everything that is sealed now: for a follower that wants only what is to come."""
    await cursor.execute(_PRESENT)
    row = await cursor.fetchone()
    return place_of(row) if row else Place(epoch=1, position=0)


def place_of(row: Row) -> Place:
    """Right after an event of a `Stretch`."""
    return Place(epoch=row["feed_epoch"], position=row["feed_position"], mark=bytes(row["hash"])[:MARK_BYTES])


_EVENT: LiteralString = """e.event_id, e.lane, e.lane_seq, e.type, e.subject, e.recorded_at, e.data, e.correlation_id,
  e.causation_id, e.actor, e.legal_entity"""
_LANE: LiteralString = (
    "select "
    + _EVENT
    + " from events e where e.tenant_id = current_setting('tieline.tenant') and e.lane = %s and e.lane_seq > %s"
    + " order by e.lane_seq limit %s"
)
_ALL: LiteralString = (
    "select s.position as feed_position, s.epoch as feed_epoch, s.hash, "
    + _EVENT
    + """ from (
  select * from seals where tenant_id = current_setting('tieline.tenant') and position > %s order by position limit %s) s
left join lateral (
  select * from events v where v.tenant_id = s.tenant_id and v.event_id = s.event_id and v.recorded_at = s.recorded_at
  limit 1) e on true
order by s.position"""
)
_PRESENT: LiteralString = """select s.position as feed_position, s.epoch as feed_epoch, s.hash from feed_heads h
join seals s on s.tenant_id = h.tenant_id and s.position = h.position
where h.tenant_id = current_setting('tieline.tenant')"""

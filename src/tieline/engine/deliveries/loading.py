"""What one turn at an endpoint works on: the lanes that are due, and the next piece of the feed and of each replay.

The healthy way reads the feed and writes nothing but a cursor. A lane that waits has one row, which covers every event of
the lane that the cursor has passed since.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg import AsyncConnection

from tieline.engine.rows import Cursor, Row, tenant_transaction, write
from tieline.ports.landscape import Cipher
from tieline.routing.filters import Filter
from tieline.routing.health import Health, Waiting

MAIN = UUID(int=0)  # the track of an endpoint that is no replay
LANES_MAX = 32
LANE_EVENTS_MAX = 20
CHUNK = 100
Place = tuple[UUID, str]  # (track, lane)


@dataclass(slots=True)
class Queue:
    """Events of one lane on one track, in order. `waiting` is the state of the first one that is left.

    `upto_seq`: how far the lane was passed by the cursor. `stored`: it has a row already.
    """

    track: UUID
    lane: str
    events: list[Row]
    upto_seq: int
    waiting: Waiting
    stored: bool = False
    next_seq: int = 0
    done: bool = False
    touched: bool = False


@dataclass(slots=True)
class Load:
    """`passed`: where each track's cursor stands after this turn. `behind`: what the cursor passed in lanes that wait."""

    tenant: str
    endpoint_id: str
    url: str
    health: Health
    keys: tuple[bytes, ...]
    filter: Filter
    queues: list[Queue] = field(default_factory=list)
    passed: dict[UUID, int] = field(default_factory=dict)
    behind: dict[Place, int] = field(default_factory=dict)


def secret_context(tenant: str, endpoint_id: str, secret_id: UUID) -> bytes:
    """Binds a sealed secret to its endpoint, so that it opens nowhere else (X11)."""
    return f"webhook-secret/{tenant}/{endpoint_id}/{secret_id}".encode()


async def load(
    connection: AsyncConnection[Any], tenant: str, endpoint_id: str, cipher: Cipher, now: datetime
) -> Load | None:
    """None when the endpoint is gone, switched off, or not to be asked yet."""
    async with tenant_transaction(connection, tenant) as cursor:
        await cursor.execute(_ENDPOINT, (endpoint_id,))
        row = await cursor.fetchone()
        if row is None or not health_of(row).may_ask(now):
            return None
        found = Load(
            tenant=tenant, endpoint_id=endpoint_id, url=row["url"], health=health_of(row),
            keys=await _keys(cursor, tenant, endpoint_id, cipher, now),
            filter=Filter(frozenset(row["types"]), frozenset(row["legal_entities"])),
        )  # fmt: skip
        if found.health.suspect:
            await _one_probe(cursor, found, row["position"], now)
        else:
            await _due_lanes(cursor, found, now, LANES_MAX)
            await _pull(cursor, found, row["position"], now)
        return found


def health_of(row: Row) -> Health:
    names = ("failures", "failing_since", "next_at", "last_success_at")
    return Health(**{name: row[name] for name in names})


async def _one_probe(cursor: Cursor, found: Load, position: int, now: datetime) -> None:
    """One message for an endpoint that fails: rather one that was not refused yet, so that no single one stands for all."""
    await _due_lanes(cursor, found, now, 1)
    if any(queue.waiting.attempts == 0 for queue in found.queues):
        return
    retried, found.queues = found.queues, []
    await _pull(cursor, found, position, now, most=1)
    if not found.queues:
        found.queues = retried


async def _due_lanes(cursor: Cursor, found: Load, now: datetime, limit: int) -> None:
    await cursor.execute(_DUE, (found.endpoint_id, now, found.health.suspect, limit))
    rows = await cursor.fetchall()
    asked = [{name: row[name] for name in ("replay_id", "lane", "next_seq", "upto_seq")} for row in rows]
    await write(cursor, _LANE_EVENTS, asked, LANE_EVENTS_MAX)
    events: dict[Place, list[Row]] = {}
    for event in await cursor.fetchall() if asked else ():
        events.setdefault((event["replay_id"], event["lane"]), []).append(event)
    for row in rows:
        found.queues.append(_stored_queue(row, events.get((row["replay_id"], row["lane"]), []), found.filter))


def _stored_queue(row: Row, events: list[Row], wanted: Filter) -> Queue:
    """The rest of the lane is left for the next turn when there is more than one turn takes."""
    last = events[-1]["lane_seq"] if len(events) == LANE_EVENTS_MAX else row["upto_seq"]
    kept = [each for each in events if wanted.wants(each["type"], each["legal_entity"])]
    waiting = Waiting(**{name: row[name] for name in ("attempts", "due_at", "since", "tried_at", "own")})
    queue = Queue(track=row["replay_id"], lane=row["lane"], events=kept, upto_seq=row["upto_seq"], waiting=waiting)
    queue.stored, queue.next_seq = True, last + 1
    return queue


async def _pull(cursor: Cursor, found: Load, position: int, now: datetime, most: int = CHUNK) -> None:
    await cursor.execute(_REPLAYS, (found.endpoint_id,))
    tracks = [(row["replay_id"], row["position"], row["until_position"]) for row in await cursor.fetchall()]
    for track, after, until in [(MAIN, position, None), *tracks]:
        await cursor.execute(_AFTER, (after, until, CHUNK))
        chunk = await cursor.fetchall()
        if chunk:
            await _share_out(cursor, found, track, chunk, now, most)
        if most == 1 and found.queues:
            return


async def _share_out(cursor: Cursor, found: Load, track: UUID, chunk: Sequence[Row], now: datetime, most: int) -> None:
    """To the lanes' queues; what follows something that waits stays behind it."""
    lanes = list({row["lane"] for row in chunk if row["lane"] is not None})
    await cursor.execute(_BLOCKED, (found.endpoint_id, track, lanes))
    blocked = {row["lane"] for row in await cursor.fetchall()}
    fresh: dict[str, Queue] = {}
    taken = 0
    for row in chunk:
        found.passed[track] = row["position"]
        if row["lane"] is None or not found.filter.wants(row["type"], row["legal_entity"]):
            continue
        if row["lane"] in blocked:
            found.behind[track, row["lane"]] = row["lane_seq"]
            continue
        queue = fresh.setdefault(row["lane"], _fresh_queue(track, row["lane"], now))
        queue.events.append(row)
        queue.upto_seq, queue.next_seq = row["lane_seq"], row["lane_seq"] + 1
        taken += 1
        if taken >= most:
            break
    found.queues += fresh.values()


def _fresh_queue(track: UUID, lane: str, now: datetime) -> Queue:
    return Queue(track=track, lane=lane, events=[], upto_seq=0, waiting=Waiting(due_at=now, since=now))


async def _keys(cursor: Cursor, tenant: str, endpoint_id: str, cipher: Cipher, now: datetime) -> tuple[bytes, ...]:
    await cursor.execute(_SECRETS, (endpoint_id, now))
    return tuple(
        cipher.open(bytes(row["sealed"]), secret_context(tenant, endpoint_id, row["secret_id"]))
        for row in await cursor.fetchall()
    )


_EVENT: LiteralString = """e.event_id, e.lane, e.lane_seq, e.type, e.subject, e.recorded_at, e.data, e.correlation_id,
  e.causation_id, e.legal_entity"""
_ENDPOINT = """select * from endpoints where tenant_id = current_setting('tieline.tenant') and endpoint_id = %s
  and state = 'active'"""
_SECRETS = """select secret_id, sealed from endpoint_secrets where tenant_id = current_setting('tieline.tenant')
  and endpoint_id = %s and (valid_until is null or valid_until > %s) order by created_at desc, secret_id desc"""
# An endpoint that fails has one hour for all that waits for it; a message of its own refusal keeps its own.
_DUE = """select * from deliveries where tenant_id = current_setting('tieline.tenant') and endpoint_id = %s
  and (due_at <= %s or (%s and not own and due_at is not null)) order by attempts, due_at, lane limit %s"""
_LANE_EVENTS: LiteralString = (
    "select d.replay_id, l.* from (select %s::int as most) m, jsonb_to_recordset(%s::jsonb)"
    " as d(replay_id uuid, lane text, next_seq bigint, upto_seq bigint) cross join lateral (select "
    + _EVENT
    + """ from events e where e.tenant_id = current_setting('tieline.tenant') and e.lane = d.lane
  and e.lane_seq between d.next_seq and d.upto_seq order by e.lane_seq limit m.most) l
order by d.replay_id, l.lane, l.lane_seq"""
)
_REPLAYS = """select replay_id, position, until_position from replays where tenant_id = current_setting('tieline.tenant')
  and endpoint_id = %s and finished_at is null and position < until_position order by ordered_at limit 4"""
# The content of very old events may be gone with its month: their positions are passed.
_AFTER: LiteralString = (
    "select s.position, "
    + _EVENT
    + """ from seals s left join events e
  on e.tenant_id = s.tenant_id and e.event_id = s.event_id and e.recorded_at = s.recorded_at
where s.tenant_id = current_setting('tieline.tenant') and s.position > %s
  and s.position <= coalesce(%s, 9223372036854775807) order by s.position limit %s"""
)
_BLOCKED = """select lane from deliveries where tenant_id = current_setting('tieline.tenant') and endpoint_id = %s
  and replay_id = %s and lane = any(%s)"""

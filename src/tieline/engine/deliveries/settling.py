"""What a turn leaves behind, in one transaction under the duty's fence: attempts, lanes that wait, cursors, health, holds.

Cursor and waiting lanes move together, so that a crash repeats a turn and never skips an event.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, LiteralString

from psycopg import AsyncConnection

from tieline.engine.crashpoints import crash_point
from tieline.engine.deliveries.journal import journal_change, lane_of
from tieline.engine.deliveries.loading import MAIN, Load, Queue
from tieline.engine.deliveries.turn import Turn
from tieline.engine.duties import fence
from tieline.engine.holds import NewHold, lift_subjects, raise_holds
from tieline.engine.rows import Cursor, Row, tenant_transaction, write
from tieline.ports.landscape import Advice
from tieline.routing.health import Waiting

DISABLED, REFUSED = "WEBHOOK_DISABLED", "WEBHOOK_REFUSED"


async def settle(connection: AsyncConnection[Any], turn: Turn, now: datetime, advise: Any) -> None:
    """Raises DutyLost when another scheduler delivers now."""
    load = turn.load
    _behind_joins(load, now)
    crash_point("before_delivery_commit")
    async with tenant_transaction(connection, load.tenant) as cursor:
        await fence(cursor)
        await cursor.execute(_LOCK, (load.endpoint_id,))
        row = await cursor.fetchone()
        await write(cursor, _ATTEMPTS, [_attempt(load, each) for each in turn.attempts], load.tenant)
        await _lanes(cursor, load)
        await _cursors(cursor, load, now)
        if row is not None and row["state"] == "active":
            await _health(cursor, turn, now, advise)
        await _refusals(cursor, turn, advise)
    crash_point("after_delivery_commit")


def _behind_joins(load: Load, now: datetime) -> None:
    """A lane that was worked off in this turn, while the cursor passed more of it, goes on with that."""
    for queue in load.queues:
        more = load.behind.pop((queue.track, queue.lane), 0)
        if more > queue.upto_seq:
            if queue.done:
                queue.done, queue.waiting = False, Waiting(due_at=now, since=now)
            queue.upto_seq = more


async def _lanes(cursor: Cursor, load: Load) -> None:
    done = [_place(load, queue) for queue in load.queues if queue.done and queue.stored]
    await write(cursor, _DONE, done)
    await write(cursor, _WAIT, [_waiting(load, queue) for queue in load.queues if not queue.done], load.tenant)
    behind = [
        {"endpoint_id": load.endpoint_id, "replay_id": track, "lane": lane, "upto_seq": seq}
        for (track, lane), seq in load.behind.items()
    ]
    await write(cursor, _BEHIND, behind)


async def _cursors(cursor: Cursor, load: Load, now: datetime) -> None:
    for track, position in load.passed.items():
        if track == MAIN:
            await cursor.execute(_MOVE, (position, load.endpoint_id))
        else:
            await cursor.execute(_MOVE_REPLAY, (position, track))
    if any(queue.track != MAIN for queue in load.queues) or set(load.passed) - {MAIN}:
        await cursor.execute(_FINISH, (now, load.endpoint_id))


async def _health(cursor: Cursor, turn: Turn, now: datetime, advise: Any) -> None:
    health, load = turn.health, turn.load
    values = (health.failures, health.failing_since, health.next_at, health.last_success_at)
    await cursor.execute(_HEALTH, (*values, load.endpoint_id))
    if turn.recovered and not health.suspect:
        await cursor.execute(_WAKE, (now, load.endpoint_id, now))
    if health.off is None:
        return
    await cursor.execute(_OFF, (health.off, now, load.endpoint_id))
    await journal_change(cursor, load.tenant, load.endpoint_id, f"disabled_{health.off}", "tieline")
    said = (
        "answered that it wants no more messages (410)" if health.off == "gone" else "has taken nothing for five days"
    )
    await raise_holds(cursor, load.tenant, [_hold(load, DISABLED, load.endpoint_id, said, advise(DISABLED))])


async def _refusals(cursor: Cursor, turn: Turn, advise: Any) -> None:
    """A message that only this endpoint's own refusal keeps back is a person's matter after the last attempt."""
    load, advice = turn.load, advise(REFUSED)
    given_up = [queue for queue in load.queues if queue.touched and queue.waiting.exhausted]
    said = "refused the same message ten times while it took others; later messages of the same contract wait behind it"
    holds = [_hold(load, REFUSED, f"{load.endpoint_id}/{queue.lane}", said, advice) for queue in given_up]
    await raise_holds(cursor, load.tenant, holds)
    moved = [
        f"webhook:{load.endpoint_id}/{queue.lane}"
        for queue in load.queues
        if queue.stored and queue.touched and not queue.waiting.exhausted
    ]
    await lift_subjects(cursor, load.tenant, "engine", moved)


def _hold(load: Load, code: str, subject: str, said: str, advice: Advice) -> NewHold:
    return NewHold(
        lane=lane_of(load.endpoint_id), source="engine", code=code, subject=f"webhook:{subject}", owner=advice.owner,
        sentence=f"The webhook endpoint {load.endpoint_id} {said}.", way_out=advice.way_out,
        evidence={"endpoint_id": load.endpoint_id}, case_key=f"{code}/{load.endpoint_id}",
    )  # fmt: skip


def _place(load: Load, queue: Queue) -> Row:
    return {"endpoint_id": load.endpoint_id, "replay_id": queue.track, "lane": queue.lane, "upto_seq": queue.upto_seq}


def _waiting(load: Load, queue: Queue) -> Row:
    waiting = queue.waiting
    return {
        **_place(load, queue), "next_seq": queue.next_seq, "attempts": waiting.attempts,
        "due_at": None if waiting.exhausted else waiting.due_at, "since": waiting.since, "tried_at": waiting.tried_at,
        "own": waiting.own,
    }  # fmt: skip


def _attempt(load: Load, attempt: Any) -> Row:
    verdict = attempt.verdict
    return {
        "attempt_id": attempt.attempt_id, "endpoint_id": load.endpoint_id, "event_id": attempt.event_id,
        "lane": attempt.lane, "lane_seq": attempt.lane_seq, "replay_id": attempt.replay_id, "number": attempt.number,
        "outcome": verdict.outcome, "status": verdict.status, "duration_ms": attempt.duration_ms,
        "problem": verdict.problem,
    }  # fmt: skip


_LOCK = """select state from endpoints where tenant_id = current_setting('tieline.tenant') and endpoint_id = %s
for update"""
_ATTEMPTS: LiteralString = """insert into delivery_attempts (tenant_id, attempt_id, endpoint_id, event_id, lane, lane_seq,
  replay_id, number, outcome, status, duration_ms, problem)
select %s, r.* from jsonb_to_recordset(%s::jsonb) as r(attempt_id uuid, endpoint_id text, event_id uuid, lane text,
  lane_seq bigint, replay_id uuid, number int, outcome text, status smallint, duration_ms int, problem text)"""
_DONE: LiteralString = """delete from deliveries d
using jsonb_to_recordset(%s::jsonb) as r(endpoint_id text, replay_id uuid, lane text, upto_seq bigint)
where d.tenant_id = current_setting('tieline.tenant') and d.endpoint_id = r.endpoint_id and d.replay_id = r.replay_id
  and d.lane = r.lane and d.upto_seq <= r.upto_seq"""
_WAIT: LiteralString = """insert into deliveries (tenant_id, endpoint_id, replay_id, lane, next_seq, upto_seq, attempts,
  due_at, since, tried_at, own)
select %s, r.* from jsonb_to_recordset(%s::jsonb) as r(endpoint_id text, replay_id uuid, lane text, next_seq bigint,
  upto_seq bigint, attempts int, due_at timestamptz, since timestamptz, tried_at timestamptz, own boolean)
on conflict (tenant_id, endpoint_id, replay_id, lane) do update set next_seq = excluded.next_seq,
  upto_seq = greatest(deliveries.upto_seq, excluded.upto_seq), attempts = excluded.attempts, due_at = excluded.due_at,
  since = excluded.since, tried_at = excluded.tried_at, own = excluded.own"""
_BEHIND: LiteralString = """update deliveries d set upto_seq = greatest(d.upto_seq, r.upto_seq)
from jsonb_to_recordset(%s::jsonb) as r(endpoint_id text, replay_id uuid, lane text, upto_seq bigint)
where d.tenant_id = current_setting('tieline.tenant') and d.endpoint_id = r.endpoint_id and d.replay_id = r.replay_id
  and d.lane = r.lane"""
_MOVE = """update endpoints set position = greatest(position, %s)
where tenant_id = current_setting('tieline.tenant') and endpoint_id = %s"""
_MOVE_REPLAY = """update replays set position = greatest(position, %s)
where tenant_id = current_setting('tieline.tenant') and replay_id = %s"""
_FINISH = """update replays r set finished_at = %s where r.tenant_id = current_setting('tieline.tenant')
  and r.endpoint_id = %s and r.finished_at is null and r.position >= r.until_position and not exists (
    select from deliveries d where d.tenant_id = r.tenant_id and d.endpoint_id = r.endpoint_id
      and d.replay_id = r.replay_id)"""
_HEALTH = """update endpoints set failures = %s, failing_since = %s, next_at = %s, last_success_at = %s
where tenant_id = current_setting('tieline.tenant') and endpoint_id = %s"""
# What waited for the endpoint is tried now; what the endpoint refuses while it takes others keeps its own hour.
_WAKE = """update deliveries set due_at = %s where tenant_id = current_setting('tieline.tenant') and endpoint_id = %s
  and not own and due_at > %s"""
_OFF = """update endpoints set state = 'disabled', off_reason = %s, off_at = %s, changed_at = now(), changed_by = 'tieline'
where tenant_id = current_setting('tieline.tenant') and endpoint_id = %s"""

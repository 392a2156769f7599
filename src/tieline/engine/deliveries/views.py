"""Endpoints and attempts as people see them: never a secret, never a body (X15)."""

from __future__ import annotations

from uuid import UUID

from tieline.engine.rows import Cursor, Row


async def endpoints(cursor: Cursor, endpoint_id: str | None = None) -> list[Row]:
    """Each with how far it was told, how far the feed is, and what waits. All, or the one."""
    await cursor.execute(_ENDPOINTS, (endpoint_id, endpoint_id))
    return list(await cursor.fetchall())


async def attempts(cursor: Cursor, endpoint_id: str, *, before: UUID | None, limit: int) -> list[Row]:
    """Newest first; `before` is the last one seen."""
    await cursor.execute(_ATTEMPTS, (endpoint_id, before, before, limit))
    return list(await cursor.fetchall())


_ENDPOINTS = """select e.endpoint_id, e.url, e.description, e.types, e.legal_entities, e.state, e.off_reason, e.off_at,
  e.position, coalesce(h.position, 0) as feed_position, e.failures, e.failing_since, e.next_at, e.last_success_at,
  e.created_at, e.created_by, e.changed_at, e.changed_by,
  (select count(*) from deliveries d where d.tenant_id = e.tenant_id and d.endpoint_id = e.endpoint_id) as waiting,
  (select count(*) from endpoint_secrets s where s.tenant_id = e.tenant_id and s.endpoint_id = e.endpoint_id
    and (s.valid_until is null or s.valid_until > now())) as secrets,
  (select count(*) from replays r where r.tenant_id = e.tenant_id and r.endpoint_id = e.endpoint_id
    and r.finished_at is null) as replays
from endpoints e left join feed_heads h on h.tenant_id = e.tenant_id
where e.tenant_id = current_setting('tieline.tenant') and (%s::text is null or e.endpoint_id = %s)
order by e.created_at, e.endpoint_id"""
_ATTEMPTS = """select attempt_id, attempted_at, event_id, lane, lane_seq, replay_id, number, outcome, status, duration_ms,
  problem
from delivery_attempts where tenant_id = current_setting('tieline.tenant') and endpoint_id = %s
  and (%s::uuid is null or attempt_id < %s) order by attempt_id desc limit %s"""

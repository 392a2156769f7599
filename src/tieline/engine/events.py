"""The journal of business events: ordered inside a lane, each with its correlation and its cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tieline.engine.rows import Cursor, write
from tieline.kit.ids import uuid7


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """`lane_seq` is assigned by whoever holds the lane's lock."""

    lane: str
    lane_seq: int
    type: str
    subject: str
    data: dict[str, Any]
    correlation_id: UUID
    causation_id: UUID | None
    actor: str
    legal_entity: str | None = None


async def append_events(cursor: Cursor, tenant: str, events: Sequence[NewEvent]) -> None:
    rows = [
        {
            "event_id": uuid7(), "lane": e.lane, "lane_seq": e.lane_seq, "type": e.type, "subject": e.subject,
            "data": e.data, "correlation_id": e.correlation_id, "causation_id": e.causation_id, "actor": e.actor,
            "legal_entity": e.legal_entity,
        }
        for e in events
    ]  # fmt: skip
    await write(cursor, _APPEND, rows, tenant)


async def new_causes(cursor: Cursor, tenant: str, causes: Sequence[bytes]) -> set[bytes]:
    """Which of these cause keys had not been used before; they are used now, for ever."""
    if not causes:
        return set()
    await write(cursor, _CAUSES, [{"k": cause} for cause in dict.fromkeys(causes)], tenant)
    return {bytes(row["cause_key"]) for row in await cursor.fetchall()}


# The second insert tells the sealer what has no position yet: in the same transaction, so that nothing is forgotten.
_APPEND = """with appended as (
  insert into events (tenant_id, event_id, lane, lane_seq, type, subject, data, correlation_id, causation_id,
    actor, legal_entity)
  select %s, r.* from jsonb_to_recordset(%s::jsonb) as r(event_id uuid, lane text, lane_seq bigint, type text,
    subject text, data jsonb, correlation_id uuid, causation_id uuid, actor text, legal_entity text)
  returning tenant_id, lane, lane_seq, event_id, recorded_at)
insert into unsealed (tenant_id, lane, lane_seq, event_id, recorded_at) select * from appended"""
_CAUSES = """insert into fact_keys (tenant_id, cause_key)
select %s, decode(k, 'hex') from jsonb_to_recordset(%s::jsonb) as r(k text)
on conflict do nothing returning cause_key"""

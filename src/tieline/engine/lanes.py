"""Lanes: one root each, strict order inside. Whoever changes a lane holds its row lock; locks are taken in name order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from tieline.engine.rows import Cursor, Row, write
from tieline.engine.shards import shard_of


async def lock_lanes(cursor: Cursor, tenant: str, lanes: Iterable[str], *, create: bool = False) -> dict[str, Row]:
    """Lock the rows of `lanes` until the transaction ends, making those that are new when `create`."""
    names = sorted(set(lanes))
    if create:
        await write(cursor, _CREATE, [{"lane": name, "shard": shard_of(name)} for name in names], tenant)
    await cursor.execute(_LOCK, (tenant, names))
    return {row["lane"]: row for row in await cursor.fetchall()}


async def wake(cursor: Cursor, tenant: str, lanes: Iterable[str]) -> None:
    """Have the lanes planned again. Appends only: a wake-up never waits for a lock."""
    await write(cursor, _WAKE, [{"lane": name, "shard": shard_of(name)} for name in sorted(set(lanes))], tenant)


async def set_lanes(cursor: Cursor, tenant: str, rows: list[dict[str, Any]]) -> None:
    """Store what a planner or the intake changed on locked lanes."""
    await write(cursor, _SET, rows, tenant)


def lane_row(
    lane: Row,
    *,
    wanted: int,
    planned: int,
    lane_seq: int,
    wake_at: object = None,
    correlation_id: UUID | None = None,
    causation_id: UUID | None = None,
    flow_error: str | None = None,
    legal_entity: str | None = None,
) -> dict[str, Any]:
    return {
        "lane": lane["lane"], "wanted": wanted, "planned": planned, "lane_seq": lane_seq, "wake_at": wake_at,
        "correlation_id": correlation_id or lane["correlation_id"], "flow_error": flow_error,
        "causation_id": causation_id or lane["causation_id"], "legal_entity": legal_entity or lane["legal_entity"],
    }  # fmt: skip


_CREATE = """insert into lanes (tenant_id, lane, shard) select %s, lane, shard
from jsonb_to_recordset(%s::jsonb) as r(lane text, shard smallint) on conflict do nothing"""
_LOCK = "select * from lanes where tenant_id = %s and lane = any(%s) order by lane for update"
_WAKE = """insert into lane_dirty (tenant_id, lane, shard) select %s, lane, shard
from jsonb_to_recordset(%s::jsonb) as r(lane text, shard smallint)"""
_SET = """update lanes l set wanted = r.wanted, planned = r.planned, lane_seq = r.lane_seq, wake_at = r.wake_at,
  correlation_id = r.correlation_id, causation_id = r.causation_id, flow_error = r.flow_error, legal_entity = r.legal_entity
from (select %s::text as tenant_id, x.* from jsonb_to_recordset(%s::jsonb) as x(lane text, wanted bigint, planned bigint,
  lane_seq bigint, wake_at timestamptz, correlation_id uuid, causation_id uuid, flow_error text, legal_entity text)) r
where l.tenant_id = r.tenant_id and l.lane = r.lane"""

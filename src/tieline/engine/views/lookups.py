"""Single things by their identifier, for the gates of orders: a lane, a record, a replica, a hold, an order."""

from __future__ import annotations

from typing import LiteralString
from uuid import UUID

from tieline.engine.rows import Cursor, Row


async def lane_exists(cursor: Cursor, lane: str) -> bool:
    await cursor.execute(_LANE, (lane,))
    return await cursor.fetchone() is not None


async def record(cursor: Cursor, kind: str, record_id: str) -> Row | None:
    await cursor.execute(_RECORD, (kind, record_id))
    return await cursor.fetchone()


async def documents(cursor: Cursor, kind: str, ids: list[str]) -> dict[str, Row]:
    """Documents of many records of one kind, by id."""
    await cursor.execute(_DOCUMENTS, (kind, ids))
    return {row["record_id"]: row["doc"] for row in await cursor.fetchall()}


async def replica(cursor: Cursor, replica_id: str) -> Row | None:
    await cursor.execute(_REPLICA, (replica_id,))
    return await cursor.fetchone()


async def replicas_of(cursor: Cursor, ids: list[str]) -> list[Row]:
    await cursor.execute(_MANY, (ids,))
    return list(await cursor.fetchall())


async def hold(cursor: Cursor, hold_id: UUID) -> Row | None:
    await cursor.execute(_HOLD, (hold_id,))
    return await cursor.fetchone()


_LANE: LiteralString = "select 1 from lanes where tenant_id = current_setting('tieline.tenant') and lane = %s"
_RECORD: LiteralString = """select kind, record_id, lane, doc, version, source_system from records
where tenant_id = current_setting('tieline.tenant') and kind = %s and record_id = %s"""
_DOCUMENTS: LiteralString = """select record_id, doc from records
where tenant_id = current_setting('tieline.tenant') and kind = %s and record_id = any(%s)"""
_REPLICA: LiteralString = """select replica_id, lane, system, kind, key, role, legal_entity, nature, doc, observed,
  observed_at, external, status, revision, settled_revision, confirmed_revision, after
from replicas where tenant_id = current_setting('tieline.tenant') and replica_id = %s"""
_MANY: LiteralString = """select replica_id, kind, key, external from replicas
where tenant_id = current_setting('tieline.tenant') and replica_id = any(%s)"""
_HOLD: LiteralString = """select hold_id, lane, code, lifted_at from holds
where tenant_id = current_setting('tieline.tenant') and hold_id = %s"""

"""What proves that a plan was carried out: each of its replicas as the system itself was seen to hold it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

from tieline.engine.rows import Cursor, Row


async def certificate(cursor: Cursor, items: Sequence[Any]) -> list[Row] | None:
    """One row per planned replica, once all were read back; None before."""
    wanted = [item["replica_id"] for item in items]
    await cursor.execute(_SQL, (wanted,))
    rows = list(await cursor.fetchall())
    return rows if len(rows) == len(set(wanted)) and all(row["confirmed"] for row in rows) else None


_SQL: LiteralString = """select replica_id, kind, key, system, revision, external, observed, observed_at as confirmed_at,
  confirmed_revision = revision as confirmed
from replicas where tenant_id = current_setting('tieline.tenant') and replica_id = any(%s) order by replica_id"""

"""Stored plans: what was proposed, what became of it, who decided."""

from __future__ import annotations

from typing import LiteralString

from tieline.engine.rows import Cursor, Row


async def plan(cursor: Cursor, plan_id: str) -> Row | None:
    await cursor.execute(_ONE, (plan_id,))
    return await cursor.fetchone()


_ONE: LiteralString = """select plan_id, lane, gate, encode(digest, 'hex') as digest, items, state, lane_version,
  config_version, created_at, decided_by, decided_at, correlation_id
from plans where tenant_id = current_setting('tieline.tenant') and plan_id = %s"""

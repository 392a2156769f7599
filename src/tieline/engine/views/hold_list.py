"""Every open hold of the tenant, also those of inputs that could not become a record, a page at a time, oldest first."""

from __future__ import annotations

from typing import LiteralString
from uuid import UUID

from tieline.engine.rows import Cursor, Row


async def hold_list(cursor: Cursor, *, after: UUID | None, limit: int) -> list[Row]:
    """At most `limit` holds whose id sorts after `after`; ids are ordered by time."""
    await cursor.execute(_SQL, (after, after, limit))
    return list(await cursor.fetchall())


_SQL: LiteralString = """select hold_id, lane, code, subject, source, owner, sentence, way_out, evidence,
  amount::text as amount, currency, since, correlation_id
from holds where tenant_id = current_setting('tieline.tenant') and lifted_at is null
  and (%s::uuid is null or hold_id > %s::uuid)
order by hold_id limit %s"""

"""Per system: how many replicas are in step and how many are not, when it last told us something, whether it is down."""

from __future__ import annotations

from typing import LiteralString

from tieline.engine.rows import Cursor, Row


async def systems(cursor: Cursor) -> dict[str, Row]:
    await cursor.execute(_SQL)
    return {row["system"]: row for row in await cursor.fetchall()}


_SQL: LiteralString = """
with mine as (select current_setting('tieline.tenant') as tenant_id)
select coalesce(r.system, i.system, c.system) as system, coalesce(r.in_step, 0) as in_step, coalesce(r.not_in_step, 0) as not_in_step,
  i.last_webhook_at, c.state as circuit, c.since as circuit_since, c.reason as circuit_reason
from (select system, count(*) filter (where status in ('in_step', 'ended')) as in_step,
    count(*) filter (where status not in ('in_step', 'ended')) as not_in_step
  from replicas join mine using (tenant_id) group by system) as r
full join (select system, max(received_at) as last_webhook_at from inputs join mine using (tenant_id)
  where channel = 'webhook' group by system) as i on i.system = r.system
full join (select system, state, since, reason from circuits join mine using (tenant_id)) as c
  on c.system = coalesce(r.system, i.system)"""

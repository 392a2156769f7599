"""Finds committed events that nobody noted for the sealer: those of before the feed existed, or of an older version's writer.

Costs one look at every lane, so it runs when a sealer starts, not in its rounds.
"""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection

from tieline.engine.rows import tenant_transaction


async def sweep(connection: AsyncConnection[Any], tenant: str, limit: int) -> int:
    """Note up to `limit` of them; 0 when there are none left."""
    async with tenant_transaction(connection, tenant) as cursor:
        await cursor.execute(_SWEEP, {"tenant": tenant, "limit": limit})
        return len(await cursor.fetchall())


_SWEEP = """insert into unsealed (tenant_id, lane, lane_seq, event_id, recorded_at)
select e.tenant_id, e.lane, e.lane_seq, e.event_id, e.recorded_at
from lanes l
left join sealed_lanes s on s.tenant_id = l.tenant_id and s.lane = l.lane
join events e on e.tenant_id = l.tenant_id and e.lane = l.lane and e.lane_seq > coalesce(s.lane_seq, 0)
where l.tenant_id = %(tenant)s and l.lane_seq > coalesce(s.lane_seq, 0)
  and not exists (
    select from unsealed u where u.tenant_id = e.tenant_id and u.lane = e.lane and u.lane_seq = e.lane_seq)
limit %(limit)s on conflict do nothing returning 1"""

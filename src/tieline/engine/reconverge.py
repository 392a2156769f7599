"""After a restore to an earlier point the systems are ahead: everything that counts as known is read back (F40).

What was on its way at that point is settled as after any crash. What is sent for the first time afterwards is looked for
first, for a day (`pumps.calls`). So nothing that a system already holds is made a second time.
"""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection

from tieline.engine.rows import tenant_transaction
from tieline.ports.landscape import TenantSetup


async def read_everything_back(connection: AsyncConnection[Any], setup: TenantSetup) -> int:
    """All replicas that can be read back are due for it. Returns how many. As often as you like: it has no other effect."""
    async with tenant_transaction(connection, setup.tenant) as cursor:
        await cursor.execute("select distinct system, kind from replicas where tenant_id = %s", (setup.tenant,))
        readable = [
            (row["system"], row["kind"])
            for row in await cursor.fetchall()
            if _readable(setup, row["system"], row["kind"])
        ]
        systems, kinds = [system for system, _ in readable], [kind for _, kind in readable]
        await cursor.execute(_READ_BACK, {"tenant": setup.tenant, "systems": systems, "kinds": kinds})
        row = await cursor.fetchone()
    return int(row["n"]) if row else 0


def _readable(setup: TenantSetup, system: str, kind: str) -> bool:
    found = setup.systems[system].operation(kind, "put") if system in setup.systems else None
    return found is not None and found.observable


_READ_BACK = """with readable as (select * from unnest(%(systems)s::text[], %(kinds)s::text[]) as k(system, kind)),
doubted as (
  update replicas r set status = 'written', attempts = 0, updated_at = now() from readable
  where r.tenant_id = %(tenant)s and r.system = readable.system and r.kind = readable.kind
    and r.status in ('in_step', 'differs') and r.external is not null
  returning r.replica_id, r.system, r.shard),
waiting as (
  insert into due (tenant_id, replica_id, system, shard, step, due_at)
  select %(tenant)s, replica_id, system, shard, 'observe', now() from doubted
  on conflict (tenant_id, replica_id) do nothing)
select count(*) as n from doubted"""

"""What people and the API read of the census: runs, and the drift that each found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString
from uuid import UUID

from tieline.engine.rows import Cursor, Row

SHOWN_MAX = 1000


async def runs(cursor: Cursor, limit: int = 100) -> Sequence[Row]:
    """The newest first, with how much drift each found by class."""
    await cursor.execute(_RUNS, (limit,))
    return await cursor.fetchall()


async def run(cursor: Cursor, run_id: UUID) -> Row | None:
    await cursor.execute(_RUN, (run_id,))
    return await cursor.fetchone()


async def drift(cursor: Cursor, run_id: UUID) -> Sequence[Row]:
    """What a run found, told or not, and what it could not ask about; at most SHOWN_MAX lines."""
    await cursor.execute(_DRIFT, (run_id, SHOWN_MAX))
    return await cursor.fetchall()


async def allow(cursor: Cursor, tenant: str, run_id: UUID, principal: str) -> bool:
    """A person saw how much is gone and lets a stopped run go on. False when it does not wait for that."""
    await cursor.execute(_ALLOW, {"tenant": tenant, "run": run_id, "by": principal})
    return await cursor.fetchone() is not None


_COLUMNS: LiteralString = """select c.*, coalesce((select jsonb_object_agg(f.class, f.n) from (
    select d.class, count(*) as n from census_drift d where d.tenant_id = c.tenant_id and d.run_id = c.run_id
      and d.state in ('found', 'told', 'accepted', 'repaired') group by d.class) f), '{}') as found,
  (select count(*) from census_drift d where d.tenant_id = c.tenant_id and d.run_id = c.run_id and d.state = 'unchecked')
    as unchecked
from census_runs c"""
_RUNS: LiteralString = f"{_COLUMNS} order by c.started_at desc, c.run_id desc limit %s"
_RUN: LiteralString = f"{_COLUMNS} where c.run_id = %s"
_DRIFT: LiteralString = """select * from census_drift where run_id = %s
  and state in ('found', 'told', 'accepted', 'repaired', 'unchecked') order by class, replica_id limit %s"""
_ALLOW: LiteralString = """with allowed as (
  update census_runs set state = 'reporting', allowed_by = %(by)s, step = step + 1
  where tenant_id = %(tenant)s and run_id = %(run)s and state = 'stopped' returning system, kind)
update holds h set lifted_at = now() from allowed a where h.tenant_id = %(tenant)s and h.code = 'DRIFT_TOO_MUCH'
  and h.subject = a.system || '/' || a.kind and h.lifted_at is null returning h.hold_id"""

"""Planned and confirmed against seen, in SQL, a window of replicas at a time: memory and time per step stay bounded.

Only what was settled before the listing began is compared: what moved meanwhile is no drift, the next census sees it.
"""

from __future__ import annotations

from typing import LiteralString

from tieline.engine.holds import lift_subjects
from tieline.engine.lanes import wake
from tieline.engine.pumps.outcomes import lanes_concerned
from tieline.engine.rows import Cursor
from tieline.ports.landscape import TenantSetup
from tieline.reconciliation.runs import Run, move

WINDOW = 20_000


async def compare_window(cursor: Cursor, setup: TenantSetup, run: Run, window: int = WINDOW) -> int:
    """Compare the next window: suspects are written down, what is seen equal counts as read back. 0 after the last."""
    # The key's own order is wanted, page after page; a sort of everything for each window would cost the square.
    await cursor.execute(_ORDERED)
    values = {
        "tenant": run.tenant, "run": run.run_id, "system": run.system, "kind": run.kind, "after": run.bookmark,
        "prefix": run.prefix, "started": run.started_at, "full": run.mode == "full", "window": window,
        "theirs": await _theirs(cursor, setup, run),
    }  # fmt: skip
    await cursor.execute(_BOUND, values)
    found = await cursor.fetchone()
    values["bound"] = found["bound"] if found else None
    await cursor.execute(_SUSPECTS, values)
    counted = await cursor.fetchone()
    assert counted is not None
    confirmed = await _confirm(cursor, run, values)
    last = values["bound"] is None
    await move(
        cursor, run, state="checking" if last else "comparing", bookmark="" if last else values["bound"],
        compared=run.compared + counted["compared"], moving=run.moving + counted["moving"],
        confirmed=run.confirmed + confirmed,
    )  # fmt: skip
    return 0 if last else window


async def _theirs(cursor: Cursor, setup: TenantSetup, run: Run) -> list[str]:
    """Fields that the system owns everywhere: whatever stands in them is right (O3)."""
    await cursor.execute(_FIELDS, (run.tenant, run.run_id))
    row = await cursor.fetchone()
    return [name for name in (row["names"] if row else None) or [] if setup.owns(run.system, run.kind, name, "*")]


async def _confirm(cursor: Cursor, run: Run, values: dict[str, object]) -> int:
    """What was written, or differed, and is seen as planned: the listing is the read-back (O4)."""
    await cursor.execute(_CONFIRM, values)
    rows = await cursor.fetchall()
    if rows:
        await lift_subjects(cursor, run.tenant, "push", [row["replica_id"] for row in rows])
        await wake(cursor, run.tenant, await lanes_concerned(cursor, run.tenant, rows))
    return len(rows)


_ORDERED: LiteralString = "select set_config('enable_sort', 'off', true), set_config('work_mem', '32MB', true)"
_FIELDS: LiteralString = """select array(select jsonb_object_keys(fields)) as names from census_seen
where tenant_id = %s and run_id = %s limit 1"""
_BOUND: LiteralString = """select replica_id as bound from replicas
where tenant_id = %(tenant)s and system = %(system)s and kind = %(kind)s and replica_id > greatest(%(after)s, %(prefix)s)
order by replica_id offset %(window)s limit 1"""
# A copy is a second document under one marker; of several, the one that we know stands for ours.
_PAIRS: LiteralString = """planned as materialized (
  select replica_id, doc, revision, status, ended, nature, lane, updated_at, legal_entity,
    status in ('in_step', 'differs') and settled_revision = revision
      and greatest(updated_at, observed_at) < %(started)s as steady
  from replicas
  where tenant_id = %(tenant)s and system = %(system)s and kind = %(kind)s
    and replica_id > greatest(%(after)s, %(prefix)s) and (%(bound)s::text is null or replica_id <= %(bound)s)),
seen as materialized (
  select replica_id, count(*) as copies, min(external_id) as external_id, (array_agg(fields))[1] as fields,
    jsonb_agg(external order by external_id) as external
  from census_seen
  where tenant_id = %(tenant)s and run_id = %(run)s and replica_id > greatest(%(after)s, %(prefix)s)
    and (%(bound)s::text is null or replica_id <= %(bound)s)
  group by replica_id),
pairs as materialized (
  select coalesce(p.replica_id, s.replica_id) as replica_id, p.revision, p.lane, p.nature, p.steady, p.status,
    s.fields, s.external, s.copies, p.replica_id is not null as ours, s.replica_id is not null as there,
    p.ended = 'cancel' and p.updated_at < %(started)s as taken_back, p.ended is not null as ended,
    p.doc || (s.fields - %(theirs)s::text[]) = p.doc as equal
  from planned p full join seen s on s.replica_id = p.replica_id)"""
_SUSPECTS: LiteralString = f"""with {_PAIRS},
suspects as (
  select *, case when not ours or taken_back then 'orphan' when not there then 'missing' when copies > 1 then 'duplicate'
    else 'differs' end as class
  from pairs
  where case when not ours then true when ended then taken_back and there when not steady then false
    when not there then %(full)s else copies > 1 or not equal end),
kept as (
  insert into census_drift (tenant_id, run_id, replica_id, class, revision, lane, nature, fields, external)
  select %(tenant)s, %(run)s, replica_id, class, revision, lane, nature, fields, external from suspects
  on conflict do nothing)
select count(*) filter (where steady and (there or %(full)s)) as compared,
  count(*) filter (where ours and not ended and not steady) as moving from pairs"""
# What was seen is looked up one by one: it has no statistics, and a join would be planned as if it were small.
_CONFIRM: LiteralString = """with equal as (
  select r.replica_id, s.fields, s.external from replicas r
  cross join lateral (select fields, external from census_seen c
    where c.tenant_id = r.tenant_id and c.run_id = %(run)s and c.replica_id = r.replica_id limit 1) s
  where r.tenant_id = %(tenant)s and r.system = %(system)s and r.kind = %(kind)s and r.status in ('written', 'differs')
    and r.settled_revision = r.revision and r.updated_at < %(started)s
    and r.replica_id > greatest(%(after)s, %(prefix)s) and (%(bound)s::text is null or r.replica_id <= %(bound)s)
    and r.doc || (s.fields - %(theirs)s::text[]) = r.doc
    and not exists (select 1 from census_drift d
      where d.tenant_id = r.tenant_id and d.run_id = %(run)s and d.replica_id = r.replica_id)
  for update of r skip locked)
update replicas p set status = 'in_step', confirmed_revision = p.settled_revision, observed = e.fields, observed_at = now(),
  external = coalesce(p.external, e.external), attempts = 0, problem = null, updated_at = now()
from equal e where p.tenant_id = %(tenant)s and p.replica_id = e.replica_id
returning p.replica_id, p.lane, p.planned_by"""

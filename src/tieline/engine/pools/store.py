"""What became of the locked pools, written set-based. Every movement has a number of its pool and a cause; both are unique."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from uuid import UUID

from tieline.engine.pools.book import Book
from tieline.engine.rows import Cursor, write


async def store_book(cursor: Cursor, tenant: str, book: Book, correlation: Mapping[str, UUID | None]) -> None:
    await write(cursor, _POOLS, [asdict(pool) for pool in book.pools.values()], tenant)
    requests = [asdict(row) for key in sorted(book.touched) for row in book.requests.get(key, {}).values()]
    await write(cursor, _REQUESTS, requests, tenant)
    places = {(m.pool, start) for m in book.minted for (pool, start) in book.periods if pool == m.pool}
    periods = [{"pool": pool, "starts_on": start, "granted": book.periods[(pool, start)]} for pool, start in places]
    await write(cursor, _PERIODS, periods, tenant)
    minted = [asdict(m) | {"correlation_id": correlation.get(m.lane)} for m in book.minted]
    await write(cursor, _MINT, minted, tenant)


async def close_answered(cursor: Cursor, tenant: str, keys: Sequence[str]) -> None:
    """Takes them out of the lanes' sight. Waits for nobody: a row that another transaction holds is closed another time."""
    await cursor.execute(_CLOSE, (tenant, sorted(keys)))


_POOLS = """update pools p set unit = r.unit, declared_by = r.declared_by, total = r.total, period = r.period,
  per_period = r.per_period, basis = r.basis, granted = r.granted, owed = r.owed, offered_on = r.offered_on,
  offered_key = r.offered_key, numbered = r.numbered, updated_at = now()
from (select %s::text as tenant_id, x.* from jsonb_to_recordset(%s::jsonb) as x(pool text, unit text, declared_by text,
  total numeric, period text, per_period numeric, basis bigint, granted numeric, owed boolean, offered_on date,
  offered_key text, numbered bigint)) r
where p.tenant_id = r.tenant_id and p.pool = r.pool"""
_REQUESTS = """insert into pool_draws (tenant_id, pool, draw_key, lane, unit, wanted, granted, work_on, step, part, news,
  open, counted)
select %s, pool, draw_key, lane, unit, wanted, granted, work_on, step, part, news, open, counted
from jsonb_to_recordset(%s::jsonb) as r(pool text, draw_key text, lane text, unit text, wanted numeric, granted numeric,
  work_on date, step numeric, part text, news boolean, open boolean, counted int)
on conflict (tenant_id, pool, draw_key) do update set unit = excluded.unit, wanted = excluded.wanted,
  granted = excluded.granted, work_on = excluded.work_on, step = excluded.step, part = excluded.part,
  news = excluded.news, open = excluded.open, counted = excluded.counted"""
_PERIODS = """insert into pool_periods (tenant_id, pool, starts_on, granted)
select %s, pool, starts_on, granted from jsonb_to_recordset(%s::jsonb) as r(pool text, starts_on date, granted numeric)
on conflict (tenant_id, pool, starts_on) do update set granted = excluded.granted"""
_MINT = """insert into pool_movements (tenant_id, pool, number, draw_key, counted, lane, amount, unit, work_on, correlation_id)
select %s, pool, number, draw_key, counted, lane, amount, unit, work_on, correlation_id
from jsonb_to_recordset(%s::jsonb) as r(pool text, number bigint, draw_key text, counted int, lane text, amount numeric,
  unit text, work_on date, correlation_id uuid)"""
_CLOSE = """update pool_draws d set open = false from (
  select tenant_id, pool, draw_key from pool_draws
  where tenant_id = %s and draw_key = any(%s) and open and granted >= wanted order by pool, draw_key
  for update skip locked) r
where d.tenant_id = r.tenant_id and d.pool = r.pool and d.draw_key = r.draw_key"""

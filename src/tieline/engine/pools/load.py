"""Pools and requests as rows: those that a lane sees, and those that a transaction locks.

A pool's row lock covers its requests and period figures. Locks are taken in name order and after the lanes' locks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from tieline.engine.planning.load import LaneState
from tieline.engine.planning.parts import parts_changed
from tieline.engine.pools.book import Book, Pool, Request
from tieline.engine.rows import Cursor, Row, ask, write
from tieline.ports.decisions import Limit
from tieline.ports.flows import DrawView, PoolView


async def tell_parts(cursor: Cursor, tenant: str, lanes: Iterable[str]) -> None:
    """Before the parts of locked lanes are chosen: those to which an offer granted something since are due."""
    await cursor.execute(_NEWS, (tenant, sorted(lanes)))
    told = [row for row in await cursor.fetchall() if row["part"] is not None]
    await parts_changed(cursor, tenant, [{"lane": row["lane"], "part": row["part"], "at": None} for row in told])


async def load_draws(cursor: Cursor, tenant: str, states: Sequence[LaneState]) -> None:
    """What the lanes' flows see of pools: their open requests, the pools of those, and the pools they declare."""
    names = [state.name for state in states]
    draws = await ask(cursor, _OPEN, (tenant, names))
    pools = await ask(cursor, _SEEN, (tenant, names, tenant, names))
    by_lane = {state.name: state for state in states}
    rows: dict[tuple[str, str], list[Request]] = {}
    for row in await draws.fetchall():
        rows.setdefault((row["lane"], row["draw_key"]), []).append(_request(row))
    for (lane, key), some in rows.items():
        by_lane[lane].draws[key] = draw_view(some)
    known = {row["pool"]: pool_view(_pool(row)) for row in await pools.fetchall()}
    for state in states:
        wanted = {name for draw in state.draws.values() for name in draw.pools}
        state.pools.update({n: p for n, p in known.items() if n in wanted or p.declared_by == state.name})


async def used_before(cursor: Cursor, tenant: str, lane: str, limit: Limit) -> Decimal:
    """What counts against a pool that is declared for the first time."""
    used = limit.opening
    for counted in limit.counts:
        await cursor.execute(_COUNT, (counted.field, tenant, lane, counted.kind))
        if (row := await cursor.fetchone()) is not None:
            used += counted.sign * row["sum"]
    return used


def draw_view(rows: Iterable[Request]) -> DrawView:
    some = sorted(rows, key=lambda r: r.pool)
    one = some[0]
    return DrawView(
        key=one.draw_key, pools=tuple(r.pool for r in some), wanted=one.wanted, granted=min(r.granted for r in some),
        unit=one.unit, work_on=one.work_on, part=one.part,
    )  # fmt: skip


def pool_view(pool: Pool) -> PoolView:
    return PoolView(
        pool=pool.pool, unit=pool.unit, granted=pool.granted, total=pool.total, period=pool.period,
        per_period=pool.per_period, basis=pool.basis, declared_by=pool.declared_by,
    )  # fmt: skip


async def pools_of_waiting(cursor: Cursor, tenant: str, pools: Iterable[str]) -> set[str]:
    """Every pool that somebody waiting for one of `pools` also asks. Read before the locks: it may grow meanwhile."""
    await cursor.execute(_JOINED, (tenant, sorted(set(pools))))
    return {row["pool"] for row in await cursor.fetchall()}


async def open_book(cursor: Cursor, tenant: str, units: Mapping[str, str], keys: Iterable[str], *, lock: bool) -> Book:
    """Lock the pools in name order (making those that are new), then read the requests `keys` and their periods."""
    names = sorted(units)
    if lock:
        await write(cursor, _CREATE, [{"pool": name, "unit": units[name]} for name in names], tenant)
        await cursor.execute(_LOCK, (tenant, names))
        await cursor.fetchall()
    await cursor.execute(_POOLS, (tenant, names))  # a new statement: it sees what the last holder committed
    book = Book(pools={row["pool"]: _pool(row) for row in await cursor.fetchall()})
    for name in names:
        book.pools.setdefault(name, Pool(pool=name, unit=units[name]))
    await load_requests(cursor, tenant, book, keys)
    await cursor.execute(_PERIODS, (tenant, [n for n, p in book.pools.items() if p.period]))
    book.periods = {(row["pool"], row["starts_on"]): row["granted"] for row in await cursor.fetchall()}
    return book


async def load_requests(cursor: Cursor, tenant: str, book: Book, keys: Iterable[str]) -> None:
    await cursor.execute(_REQUESTS, (tenant, sorted(set(keys))))
    for row in await cursor.fetchall():
        book.requests.setdefault(row["draw_key"], {}).setdefault(row["pool"], _request(row))


async def waiting_keys(
    cursor: Cursor, tenant: str, pool: str, room: Decimal | None, after: tuple[date, str] | None, n: int
) -> list[tuple[date, str]]:
    """The next requests in order of work date that could have something of `room`: whole, or a step of it."""
    on, key = after or (date.min, "")
    asked: dict[str, Any] = {"tenant": tenant, "pool": pool, "room": room, "on": on, "key": key, "n": n}
    await cursor.execute(_WAITING, asked)
    return [(row["work_on"], row["draw_key"]) for row in await cursor.fetchall()]


def _pool(row: Row) -> Pool:
    return Pool(**{name: row[name] for name in _POOL_FIELDS}, waited_for=row.get("waited_for", False))


def _request(row: Row) -> Request:
    return Request(**{name: row[name] for name in _REQUEST_FIELDS})


_POOL_FIELDS = (
    "pool", "unit", "declared_by", "total", "period", "per_period", "basis", "granted", "owed", "offered_on", "offered_key",
    "numbered",
)  # fmt: skip
_REQUEST_FIELDS = (
    "pool",
    "draw_key",
    "lane",
    "unit",
    "wanted",
    "work_on",
    "granted",
    "step",
    "part",
    "news",
    "open",
    "counted",
)
_COUNT = """select coalesce(sum((doc -> %s ->> 'amount')::numeric), 0) as sum from records
where tenant_id = %s and lane = %s and kind = %s"""
# A row that another transaction holds is told another time: that transaction wakes the lane once more.
_NEWS = """update pool_draws d set news = false from (
  select tenant_id, pool, draw_key from pool_draws where tenant_id = %s and lane = any(%s) and news
  order by pool, draw_key for update skip locked) r
where d.tenant_id = r.tenant_id and d.pool = r.pool and d.draw_key = r.draw_key returning d.lane, d.part"""
_OPEN = "select * from pool_draws where tenant_id = %s and lane = any(%s) and open"
_SEEN = """select * from pools where tenant_id = %s and declared_by = any(%s)
union select p.* from pool_draws d join pools p on p.tenant_id = d.tenant_id and p.pool = d.pool
where d.tenant_id = %s and d.lane = any(%s) and d.open"""
_JOINED = """select distinct o.pool from pool_draws d
join pool_draws o on o.tenant_id = d.tenant_id and o.draw_key = d.draw_key and o.open
where d.tenant_id = %s and d.pool = any(%s) and d.granted < d.wanted"""
_CREATE = """insert into pools (tenant_id, pool, unit) select %s, pool, unit
from jsonb_to_recordset(%s::jsonb) as r(pool text, unit text) order by pool on conflict do nothing"""
_LOCK = "select pool from pools where tenant_id = %s and pool = any(%s) order by pool for update"
_POOLS = """select p.*, exists (select from pool_draws d where d.tenant_id = p.tenant_id and d.pool = p.pool
  and d.granted < d.wanted) as waited_for
from pools p where p.tenant_id = %s and p.pool = any(%s)"""
_REQUESTS = "select * from pool_draws where tenant_id = %s and draw_key = any(%s)"
_PERIODS = "select pool, starts_on, granted from pool_periods where tenant_id = %s and pool = any(%s)"
_WAITING = """select work_on, draw_key from pool_draws
where tenant_id = %(tenant)s and pool = %(pool)s and granted < wanted and open
  and (work_on, draw_key) > (%(on)s::date, %(key)s::text)
  and (%(room)s::numeric is null or wanted - granted <= %(room)s or step <= %(room)s)
order by work_on, draw_key limit %(n)s"""

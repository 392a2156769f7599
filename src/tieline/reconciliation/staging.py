"""Pages of a listing on their way into the store: by COPY, a page at a time, each document of the vendor's once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from tieline.engine.rows import Cursor
from tieline.kit.canonical import encode, plain
from tieline.kit.ids import is_stable_id
from tieline.ports.systems import Listed, Lister
from tieline.reconciliation.runs import Run, move

Planned = Mapping[str, Any]


async def planned_documents(cursor: Cursor, run: Run, found: Sequence[Listed]) -> Mapping[str, Planned]:
    """Our documents behind the markers of a page, so that equal values are spelt equally."""
    ids = [run.prefix + each.marker for each in found]
    await cursor.execute(_OURS, (run.tenant, ids))
    return {row["key"]: row["doc"] for row in await cursor.fetchall()}


def told(lister: Lister, run: Run, found: Sequence[Listed], ours: Mapping[str, Planned]) -> list[tuple[str, ...]]:
    """Rows for the store. A page that repeats a document tells it once; what bears another's mark is none of ours."""
    rows: dict[tuple[str, str], tuple[str, ...]] = {}
    for each in found:
        if each.marker not in ours and not is_stable_id(each.marker):
            continue
        seen = lister.listed(run.kind, each, ours.get(each.marker) or {})
        rows[each.marker, each.ref.id] = (
            run.prefix + each.marker, each.ref.id, encode(seen.doc).decode(), encode(plain(seen.ref)).decode(),
            each.changed_at or "",
        )  # fmt: skip
    return list(rows.values())


async def store_page(
    connection: AsyncConnection[Any], run: Run, rows: Sequence[tuple[str, ...]], **position: Any
) -> Run:
    """One page and the position behind it, in one transaction: a crash repeats a page and skips none.

    PostgreSQL does not COPY into a table with row-level security, so the rows come in through a table of the session's.
    """
    async with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute("select set_config('tieline.tenant', %s, true)", (run.tenant,))
        added = 0
        if rows:
            await cursor.execute(_ARRIVALS)
            async with cursor.copy(_COPY) as copy:
                for row in rows:
                    await copy.write_row(row)
            await cursor.execute(_KEEP, {"tenant": run.tenant, "run": run.run_id})
            counted = await cursor.fetchone()
            added = int(counted["added"]) if counted else 0
        await move(cursor, run, listed=run.listed + added, **position)
    moved = {name: value for name, value in position.items() if name in ("token", "state", "attempts")}
    return replace(run, step=run.step + 1, listed=run.listed + added, **moved)


async def staged(cursor: Cursor, run: Run) -> int:
    await cursor.execute(_COUNT, (run.tenant, run.run_id))
    found = await cursor.fetchone()
    return int(found["count"]) if found else 0


async def clear(cursor: Cursor, tenant: str, run_id: UUID, limit: int) -> int:
    """Forget about `limit` rows of a run; how many went."""
    await cursor.execute(_CLEARED_TO, {"tenant": tenant, "run": run_id, "limit": limit})
    last = await cursor.fetchone()
    await cursor.execute(_CLEAR, {"tenant": tenant, "run": run_id, "to": last["replica_id"] if last else None})
    found = await cursor.fetchone()
    return int(found["gone"]) if found else 0


_OURS: LiteralString = "select key, doc from replicas where tenant_id = %s and replica_id = any(%s)"
_ARRIVALS: LiteralString = """create temporary table if not exists census_arrivals (replica_id text, external_id text, fields jsonb,
  external jsonb, changed_at text) on commit delete rows"""
_COPY: LiteralString = "copy census_arrivals (replica_id, external_id, fields, external, changed_at) from stdin"
# A document that moved to a later page is kept as it was seen last; `xmax = 0` are those that were not there before.
_KEEP: LiteralString = """with kept as (
  insert into census_seen (tenant_id, run_id, replica_id, external_id, fields, external, changed_at)
  select %(tenant)s, %(run)s, replica_id, external_id, fields, external, nullif(changed_at, '') from census_arrivals
  on conflict (tenant_id, run_id, replica_id, external_id) do update
    set fields = excluded.fields, external = excluded.external, changed_at = excluded.changed_at
  returning (xmax = 0) as fresh)
select count(*) filter (where fresh) as added from kept"""
_COUNT: LiteralString = "select count(*) as count from census_seen where tenant_id = %s and run_id = %s"
# By a range of the key: the table has no statistics, and a join with itself would be planned as if it were small.
_CLEARED_TO: LiteralString = """select replica_id from census_seen where tenant_id = %(tenant)s and run_id = %(run)s
order by replica_id offset %(limit)s - 1 limit 1"""
_CLEAR: LiteralString = """with gone as (
  delete from census_seen where tenant_id = %(tenant)s and run_id = %(run)s
    and (%(to)s::text is null or replica_id <= %(to)s) returning 1)
select count(*) as gone from gone"""

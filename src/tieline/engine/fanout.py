"""A record that other lanes read has changed: its readers are told, the first at once, very many in chunks.

The chunks are spread by the planning of the record's own lane, a transaction each, so that a stop in between goes on where
it was. A reader that was planned on the newest version meanwhile is passed over.
"""

from __future__ import annotations

from collections.abc import Iterable

from tieline.engine.lanes import wake
from tieline.engine.rows import Cursor, Row, write

CHUNK = 500


async def tell_readers(cursor: Cursor, tenant: str, changed: Iterable[Row]) -> None:
    """`changed`: kind, id, lane and new version of records. Up to a chunk of readers each is woken with the change."""
    rows = [{**row, "after_lane": ""} for row in changed]
    if not rows:
        return
    await _tell(cursor, tenant, rows)


async def spread(cursor: Cursor, tenant: str, lanes: Iterable[str]) -> None:
    """Go on with what these locked lanes have still to tell; a lane with more to tell is woken again itself."""
    await cursor.execute(_OPEN, (tenant, sorted(lanes)))
    rows = await cursor.fetchall()
    if rows:
        await _tell(cursor, tenant, rows)


async def _tell(cursor: Cursor, tenant: str, rows: Iterable[Row]) -> None:
    told = {(row["kind"], row["id"]): row for row in rows}
    await write(cursor, _READERS, list(told.values()), tenant, CHUNK)
    found: dict[tuple[str, str], list[str]] = {key: [] for key in told}
    for row in await cursor.fetchall():
        found[(row["kind"], row["id"])].append(row["lane"])
    more = {key: lanes for key, lanes in found.items() if len(lanes) == CHUNK}
    kept = [{**told[key], "after_lane": lanes[-1]} for key, lanes in more.items()]
    await write(cursor, _KEEP, kept, tenant)
    over = [told[key] for key in told.keys() - more.keys() if told[key]["after_lane"]]
    await write(cursor, _OVER, over, tenant)
    await wake(cursor, tenant, {*(lane for lanes in found.values() for lane in lanes), *(row["lane"] for row in kept)})


_OPEN = "select kind, record_id as id, lane, version, after_lane from fanouts where tenant_id = %s and lane = any(%s)"
_READERS = """select c.kind, c.id, d.lane from (
  select %s::text as tenant_id, %s::int as most, r.* from jsonb_to_recordset(%s::jsonb)
    as r(kind text, id text, version bigint, after_lane text)) c
cross join lateral (
  select q.lane from dependencies q where q.tenant_id = c.tenant_id and q.kind = c.kind and q.record_id = c.id
    and q.lane > c.after_lane and q.version < c.version order by q.lane limit c.most) d
order by c.kind, c.id, d.lane"""
_KEEP = """insert into fanouts (tenant_id, kind, record_id, lane, version, after_lane)
select %s, kind, id, lane, version, after_lane
from jsonb_to_recordset(%s::jsonb) as r(kind text, id text, lane text, version bigint, after_lane text)
on conflict (tenant_id, kind, record_id) do update set lane = excluded.lane, version = excluded.version,
  after_lane = excluded.after_lane"""
_OVER = """delete from fanouts f
using (select %s::text as tenant_id, x.* from jsonb_to_recordset(%s::jsonb) as x(kind text, id text)) r
where f.tenant_id = r.tenant_id and f.kind = r.kind and f.record_id = r.id"""

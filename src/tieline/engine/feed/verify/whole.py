"""What no single link shows: rows that were never sealed, lanes out of order, and a head that is not the chain's end."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection

from tieline.engine.feed.verify.findings import Finding, Kind
from tieline.engine.feed.verify.walk import Walk
from tieline.engine.rows import Row, tenant_transaction


async def check_whole(connection: AsyncConnection[Any], walk: Walk, head: Row) -> None:
    """After the walk. The store does the sorting, on its own disk: here only the first fault arrives."""
    report = walk.report
    if report.finding is None and head["last"] != head["position"]:
        sentence = f"Rows after position {head['position']}, the tenant's head, were not put there by a sealer."
        report.found(walk.damage(Kind.INSERT, head["position"] + 1, sentence))
    if report.finding is None and bytes(head["hash"]) != walk.end(head):
        report.found(walk.damage(Kind.FORGED_HEAD, head["position"], "The tenant's head is not the end of its chain."))
    report.found(await _first(connection, walk, _UNSEALED, Kind.INSERT, "was put into the journal beside the sealer"))
    report.found(await _first(connection, walk, _DISORDER, Kind.REORDER, "stands before an earlier one of its lane"))


async def _first(connection: AsyncConnection[Any], walk: Walk, sql: str, kind: Kind, sentence: str) -> Finding | None:
    async with tenant_transaction(connection, walk.tenant) as cursor:
        await cursor.execute(sql.encode(), {"tenant": walk.tenant})
        row = await cursor.fetchone()
    return None if row is None else walk.damage(kind, row["position"], f"Event {row['event_id']} {sentence}.", row)


# An event that is not further in its lane than what is sealed, and is not sealed.
_UNSEALED = """with reached as (select lane, max(lane_seq) as lane_seq from seals where tenant_id = %(tenant)s group by lane)
select e.event_id, (select min(s.position) from seals s
  where s.tenant_id = %(tenant)s and s.lane = e.lane and s.lane_seq >= e.lane_seq) as position
from events e join reached r on r.lane = e.lane and e.lane_seq <= r.lane_seq
left join seals s on s.tenant_id = e.tenant_id and s.event_id = e.event_id and s.recorded_at = e.recorded_at
where e.tenant_id = %(tenant)s and s.tenant_id is null
order by position limit 1"""
_DISORDER = """select event_id, position from (
  select event_id, position, lane_seq, lag(lane_seq, 1, 0::bigint) over (partition by lane order by position) as before
  from seals where tenant_id = %(tenant)s) s
where lane_seq <> before + 1 order by position limit 1"""

"""The sealer: gives committed events their positions, in batches, behind the writers.

A lane's number is assigned under the lane's lock, so what a lane has committed is a run without gaps; an event is sealed
only as the next of its lane. Whatever is still uncommitted is later in its lane and gets a later position. The row of the
tenant's head is locked while positions are given: a second sealer finds it locked and goes on, nothing can be sealed twice.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from tieline.engine.crashpoints import crash_point
from tieline.engine.feed.anchor import Anchor
from tieline.engine.feed.chain import FIRST_EPOCH, Link, digest, genesis, link
from tieline.engine.feed.sweep import sweep
from tieline.engine.rows import Cursor, Row, as_json, tenant_transaction

BATCH = 2000
TENANTS_AT_ONCE = 50
log = structlog.get_logger("tieline.feed")


@dataclass(slots=True)
class Sealer:
    """`tenants` are looked through once for events that a writer of an older version left without a note for us."""

    pool: AsyncConnectionPool[Any]
    anchor: Anchor
    tenants: Collection[str] = ()
    batch: int = BATCH
    _passed: dict[str, tuple[str, int]] = field(default_factory=dict)  # where in a long queue the next round goes on
    _unswept: list[str] | None = None

    async def round(self) -> int:
        """Seal what is there. More than 0 when more waits than one round takes: come again at once."""
        try:
            async with self.pool.connection() as connection:
                left = await self._sweep(connection)
                waiting = await _waiting(connection)
                sealed, more = await self._seal_all(connection, waiting)
                await self.anchor.round(connection, sealed)
                return left + more
        except psycopg.OperationalError:
            self.anchor.forget()  # the store that comes back may be an earlier one
            raise

    async def _seal_all(self, connection: AsyncConnection[Any], tenants: list[str]) -> tuple[int, int]:
        sealed = more = 0
        steps = [*range(0, len(tenants), TENANTS_AT_ONCE), len(tenants)]
        for start, end in pairwise(steps):
            counts = await self._together(connection, tenants[start:end])
            sealed, more = sealed + sum(counts), more + sum(count for count in counts if count >= self.batch)
        return sealed, more

    async def _together(self, connection: AsyncConnection[Any], tenants: list[str]) -> list[int]:
        """One transaction for many tenants; when it fails for a row's sake, one each, so that nobody waits for another."""
        try:
            return await self._transaction(connection, tenants)
        except psycopg.OperationalError:
            raise
        except psycopg.Error:
            if len(tenants) == 1:
                log.exception("seal_failed", tenant=tenants[0])
                return [0]
        return [count for tenant in tenants for count in await self._together(connection, [tenant])]

    async def _transaction(self, connection: AsyncConnection[Any], tenants: list[str]) -> list[int]:
        counts = []
        trusted = [tenant for tenant in tenants if await self.anchor.continues(connection, tenant)]
        if not trusted:
            return []
        async with tenant_transaction(connection, trusted[0]) as cursor:
            await cursor.execute(PROBE)
            for tenant in trusted:
                await cursor.execute("select set_config('tieline.tenant', %s, true)", (tenant,))
                counts.append(await self._seal(cursor, tenant))
            crash_point("before_seal_commit")
        crash_point("after_seal_commit")
        return counts

    async def _seal(self, cursor: Cursor, tenant: str) -> int:
        """The next positions of one tenant; 0 also when another sealer is at it."""
        head = await _locked_head(cursor, tenant)
        if head is None:
            return 0
        rows = _whole(await self._take(cursor, tenant))
        if rows:
            await _write(cursor, tenant, head, rows)
        return len(rows)

    async def _take(self, cursor: Cursor, tenant: str) -> list[Row]:
        """Events that are next in their lanes. A queue longer than a batch is gone through in turn, lane by lane."""
        lane, lane_seq = self._passed.pop(tenant, ("", 0))
        # Planned anew each time: a plan kept from when a month was empty would read the whole month for every event.
        asked = {"tenant": tenant, "lane": lane, "seq": lane_seq, "limit": self.batch}
        await cursor.execute(TAKE, asked, prepare=False)
        rows = await cursor.fetchall()
        if rows[0]["looked_at"] == self.batch:
            self._passed[tenant] = (rows[0]["last_lane"], rows[0]["last_seq"])
        return [row for row in rows if row["lane"] is not None]

    async def _sweep(self, connection: AsyncConnection[Any]) -> int:
        if self._unswept is None:
            self._unswept = list(self.tenants)
        if not self._unswept:
            return 0
        found = await sweep(connection, self._unswept[-1], self.batch)
        if not found:
            self._unswept.pop()
        return found + len(self._unswept)


async def _locked_head(cursor: Cursor, tenant: str) -> Row | None:
    """The head, ours until the transaction ends; made when the tenant has none. None when somebody else has it."""
    await cursor.execute(_LOCK, (tenant,))
    head = await cursor.fetchone()
    if head is None:
        await cursor.execute(_FIRST, (tenant, FIRST_EPOCH, genesis(tenant)))
        head = await cursor.fetchone()
    return head


async def _waiting(connection: AsyncConnection[Any]) -> list[str]:
    cursor = await connection.execute("select tenant_id from claim_unsealed()")
    return [row[0] for row in await cursor.fetchall()]


def _whole(rows: list[Row]) -> list[Row]:
    """Without the events that are gone from the journal, and what follows them in their lanes: no gap is papered over."""
    broken = set()
    kept = []
    for row in rows:
        if row["type"] is None:
            broken.add(row["lane"])
        if row["lane"] not in broken:
            kept.append(row)
    return kept


async def _write(cursor: Cursor, tenant: str, head: Row, rows: list[Row]) -> None:
    before, position, sealed = bytes(head["hash"]), int(head["position"]), []
    for row in rows:
        position += 1
        sealed_as = digest(tenant, row)
        before = link(
            before,
            Link(
                tenant=tenant, epoch=head["epoch"], position=position, event_id=row["event_id"],
                recorded_at=row["recorded_at"], lane=row["lane"], lane_seq=row["lane_seq"], digest=sealed_as,
            ),
        )  # fmt: skip
        sealed.append(
            {
                "position": position, "event_id": row["event_id"], "recorded_at": row["recorded_at"], "lane": row["lane"],
                "lane_seq": row["lane_seq"], "digest": sealed_as, "hash": before,
            }
        )  # fmt: skip
    await cursor.execute(_SEAL, {"tenant": tenant, "epoch": head["epoch"], "rows": as_json(sealed)})
    await cursor.execute(
        _MOVE, {"tenant": tenant, "position": position, "hash": before, "was": head["position"], "epoch": head["epoch"]}
    )
    if await cursor.fetchone() is None:
        raise RuntimeError(f"the head of {tenant} moved under its lock")


# The queue is empty most of the time and the planner believes it always is: without this, and without the laterals that it
# cannot take apart, statistics from a small beginning make it read whole tables for a handful of rows.
PROBE = "select set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)"
_LOCK = "select epoch, position, hash from feed_heads where tenant_id = %s for update skip locked"
_FIRST = """insert into feed_heads (tenant_id, epoch, position, hash) values (%s, %s, 0, %s)
on conflict do nothing returning epoch, position, hash"""
# `base` is the same number for all rows of a run without gaps; the run that starts right after what is sealed is ready.
# Order: of recording, but never against a lane (the running maximum cannot fall inside one).
TAKE = """with batch as materialized (
  select lane, lane_seq, event_id, recorded_at from unsealed
  where tenant_id = %(tenant)s and (lane, lane_seq) > (%(lane)s, %(seq)s) order by lane, lane_seq limit %(limit)s),
place as (
  select count(*) as looked_at, (select lane from batch order by lane desc limit 1) as last_lane,
    (select lane_seq from batch order by lane desc, lane_seq desc limit 1) as last_seq from batch),
run as materialized (
  select b.*, coalesce(s.lane_seq, 0) as sealed,
    b.lane_seq - row_number() over (partition by b.lane order by b.lane_seq) as base
  from batch b left join lateral (
    select l.lane_seq from sealed_lanes l where l.tenant_id = %(tenant)s and l.lane = b.lane limit 1) s on true
  where b.lane_seq > coalesce(s.lane_seq, 0)),
ready as (
  select r.*, max(r.recorded_at) over (partition by r.lane order by r.lane_seq) as turn from run r where r.base = r.sealed)
select p.*, r.lane, r.lane_seq, r.event_id, r.recorded_at, e.type, e.subject, e.data::text as data_text,
  e.correlation_id, e.causation_id, e.actor, e.legal_entity
from place p left join ready r on true
left join lateral (
  select * from events v where v.tenant_id = %(tenant)s and v.event_id = r.event_id and v.recorded_at = r.recorded_at
  limit 1) e on true
order by r.turn, r.lane, r.lane_seq"""
_SEAL = """with sealed as (
  insert into seals (tenant_id, position, epoch, event_id, recorded_at, lane, lane_seq, digest, hash)
  select %(tenant)s, r.position, %(epoch)s, r.event_id, r.recorded_at, r.lane, r.lane_seq, decode(r.digest, 'hex'),
    decode(r.hash, 'hex')
  from jsonb_to_recordset(%(rows)s::jsonb) as r(position bigint, event_id uuid, recorded_at timestamptz, lane text,
    lane_seq bigint, digest text, hash text)
  returning lane, lane_seq),
moved as (
  insert into sealed_lanes (tenant_id, lane, lane_seq) select %(tenant)s, lane, max(lane_seq) from sealed group by lane
  on conflict (tenant_id, lane) do update set lane_seq = excluded.lane_seq)
delete from unsealed u using sealed s where u.tenant_id = %(tenant)s and u.lane = s.lane and u.lane_seq = s.lane_seq"""
_MOVE = """update feed_heads set position = %(position)s, hash = %(hash)s,
  unsigned_since = coalesce(unsigned_since, clock_timestamp())
where tenant_id = %(tenant)s and epoch = %(epoch)s and position = %(was)s returning position"""

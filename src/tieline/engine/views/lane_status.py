"""Everything about one lane now: standing, records, replicas with where they live, holds, plans, orders that wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString

from tieline.engine.rows import Cursor, Row
from tieline.engine.views.standing import COLUMNS, COUNTS, state_of


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneStatus:
    standing: Row
    records: list[Row]
    replicas: list[Row]
    holds: list[Row]
    plans: list[Row]


async def lane_status(cursor: Cursor, lane: str) -> LaneStatus | None:
    """None when the lane is unknown."""
    await cursor.execute(_STANDING, (lane,))
    row = await cursor.fetchone()
    if row is None:
        return None
    return LaneStatus(
        standing={**row, "state": state_of(row)},
        records=await _rows(cursor, _RECORDS, lane),
        replicas=await _rows(cursor, _REPLICAS, lane),
        holds=await open_holds(cursor, lane),
        plans=await _rows(cursor, _PLANS, lane),
    )


async def open_holds(cursor: Cursor, lane: str) -> list[Row]:
    return await _rows(cursor, _HOLDS, lane)


async def _rows(cursor: Cursor, sql: LiteralString, lane: str) -> list[Row]:
    await cursor.execute(sql, (lane,))
    return list(await cursor.fetchall())


_STANDING: LiteralString = (  # built from constants of ours only
    "select "
    + COLUMNS
    + " from lanes l"
    + COUNTS
    + " where l.tenant_id = current_setting('tieline.tenant') and l.lane = %s"
)
_RECORDS: LiteralString = """select kind, record_id, version, source_system, source_version, valid_from, recorded_at,
  minted, doc from records where tenant_id = current_setting('tieline.tenant') and lane = %s order by kind, record_id"""
_REPLICAS: LiteralString = """select replica_id, system, kind, key, role, legal_entity, nature, status, revision,
  settled_revision, confirmed_revision, doc, observed, observed_at, external, subject,
  encode(coalesce(covers, digest), 'hex') as approval_digest, problem, next_actor, latest_at, attempts, updated_at
from replicas where tenant_id = current_setting('tieline.tenant') and lane = %s order by system, kind, key"""
_HOLDS: LiteralString = """select hold_id, code, subject, source, owner, sentence, way_out, evidence,
  amount::text as amount, currency, since, correlation_id
from holds where tenant_id = current_setting('tieline.tenant') and lane = %s and lifted_at is null
order by amount desc nulls last, since"""
_PLANS: LiteralString = """select plan_id, gate, state, created_at, items, encode(digest, 'hex') as digest
from plans where tenant_id = current_setting('tieline.tenant') and lane = %s and state = 'proposed' order by created_at"""

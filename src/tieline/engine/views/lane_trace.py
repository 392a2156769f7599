"""From a signature to a ledger and back: everything that shares a correlation with one lane, as a tree of causes (A3)."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, LiteralString

from tieline.engine.rows import Cursor, Row

NODES_MAX = 2000


async def lane_trace(cursor: Cursor, lane: str) -> list[Row]:
    """Roots of the causal trees, oldest first. A node has node, id, at, name, system, state, actor, detail, children."""
    await cursor.execute(_SQL, {"lane": lane, "limit": NODES_MAX})
    return tree(await cursor.fetchall())


def tree(nodes: list[Row]) -> list[Row]:
    """Hang every node under its cause; what has no known cause, or causes itself in a circle, is a root."""
    known = {str(node["id"]): {**node, "children": []} for node in nodes}
    under: dict[str, list[Row]] = defaultdict(list)
    roots: list[Row] = []
    for node in known.values():
        cause = str(node["causation_id"]) if node["causation_id"] else None
        if cause in known and not _circular(known, node, cause):
            under[cause].append(node)
        else:
            roots.append(node)
    for cause, children in under.items():
        known[cause]["children"] = children
    return roots


def _circular(known: dict[str, Row], node: Row, cause: str | None) -> bool:
    seen: set[str] = set()
    while cause in known and cause not in seen:
        if cause == str(node["id"]):
            return True
        seen.add(cause)
        parent: Any = known[cause]["causation_id"]
        cause = str(parent) if parent else None
    return cause in seen


_SQL: LiteralString = """
with mine as materialized (
  select correlation_id from events where tenant_id = current_setting('tieline.tenant') and lane = %(lane)s
  union select correlation_id from effects where tenant_id = current_setting('tieline.tenant') and lane = %(lane)s
  union select correlation_id from inputs where tenant_id = current_setting('tieline.tenant') and lane = %(lane)s
  union select correlation_id from holds where tenant_id = current_setting('tieline.tenant') and lane = %(lane)s
  union select correlation_id from approvals where tenant_id = current_setting('tieline.tenant') and lane = %(lane)s)
select * from (
  select 'input' as node, i.input_id::text as id, i.received_at as at, i.topic as name, i.system, i.status as state,
    coalesce(i.principal, i.system) as actor, i.lane, i.correlation_id, i.causation_id::text,
    jsonb_build_object('channel', i.channel, 'source_id', i.source_id, 'source_version', i.source_version,
      'reason', i.reason) as detail
  from inputs i join mine using (correlation_id) where i.tenant_id = current_setting('tieline.tenant')
  union all
  select 'event', e.event_id::text, e.recorded_at, e.type, null, 'recorded', e.actor, e.lane, e.correlation_id,
    e.causation_id::text, jsonb_build_object('subject', e.subject, 'lane_seq', e.lane_seq, 'data', e.data)
  from events e join mine using (correlation_id) where e.tenant_id = current_setting('tieline.tenant')
  union all
  select 'effect', encode(f.effect_key, 'hex'), f.intended_at, f.verb || ' ' || f.kind, f.system, f.state, f.actor, f.lane,
    f.correlation_id, f.causation_id::text,
    jsonb_build_object('replica_id', f.replica_id, 'revision', f.revision, 'op_class', f.op_class, 'attempt', f.attempt,
      'settled_at', f.settled_at, 'external', f.external, 'outcome', f.outcome, 'mapping_version', f.mapping_version,
      'config_version', f.config_version, 'approver', f.approver)
  from effects f join mine using (correlation_id) where f.tenant_id = current_setting('tieline.tenant')
  union all
  select 'approval', a.approval_id::text, a.approved_at, 'approved ' || a.subject, null, 'given', a.principal, a.lane,
    a.correlation_id, null, jsonb_build_object('digest', encode(a.digest, 'hex'))
  from approvals a join mine using (correlation_id) where a.tenant_id = current_setting('tieline.tenant')
  union all
  select 'hold', h.hold_id::text, h.since, h.code, null, case when h.lifted_at is null then 'open' else 'lifted' end,
    h.owner, h.lane, h.correlation_id, h.input_id::text,
    jsonb_build_object('sentence', h.sentence, 'way_out', h.way_out, 'lifted_at', h.lifted_at)
  from holds h join mine using (correlation_id) where h.tenant_id = current_setting('tieline.tenant')) as nodes
order by at, node, id limit %(limit)s"""

"""Store changed replicas, what they wait for, and what is due. Sends nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from tieline.engine.planning.difference import Item, judge_change, revisions
from tieline.engine.planning.lane_plan import LanePlan
from tieline.engine.pumps.intents import Claim
from tieline.engine.rows import Cursor, Row, write
from tieline.engine.shards import shard_of
from tieline.ports.landscape import TenantSetup

IN_FLIGHT = ("sending", "unknown", "ambiguous")
RESTING = ("waiting", "awaiting_approval", "ended")


async def store_replicas(cursor: Cursor, setup: TenantSetup, plans: Sequence[LanePlan], now: datetime) -> list[Claim]:
    """Upsert the changes of all lanes, then queue and return those that wait for nothing."""
    changes = {item.wanted.replica_id: (plan, item) for plan in plans for item in plan.apply}
    acts = {item.wanted.replica_id: (plan, item) for plan in plans for item in _approved_now(plan)}
    involved = {
        rid for _, item in [*changes.values(), *acts.values()] for rid in (item.wanted.replica_id, *item.wanted.after)
    }
    locked = await _lock(cursor, setup.tenant, involved)
    changes = {rid: (plan, now_due) for rid, (plan, item) in changes.items() if (now_due := _again(plan, item, locked))}
    known = revisions(locked, [item for _, item in changes.values()])
    rows = [_row(setup, plan, item, known, locked, now) for _, (plan, item) in sorted(changes.items())]
    rows += [_row(setup, plan, item, known, locked, now) for _, (plan, item) in sorted(acts.items())]
    await write(cursor, _UPSERT, rows, setup.tenant)
    waits = [
        {"on_replica": on, "replica_id": row["replica_id"], "on_revision": max(1, known.get(on, (1, 0))[0])}
        for row in rows
        for on in row["waits_on"]
    ]
    await write(cursor, _WAIT, waits, setup.tenant)
    pending = [row for row in rows if row["status"] == "pending"]
    await write(cursor, _QUEUE, pending, setup.tenant)
    await write(cursor, _UNQUEUE, [row for row in rows if row["status"] in RESTING], setup.tenant)
    return [{"tenant_id": setup.tenant, "step": "push", **row} for row in pending]


def _again(plan: LanePlan, item: Item, locked: dict[str, Row]) -> Item | None:
    """The change judged once more under the replica's lock: another lane may have planned it, a pump may have sent it."""
    before = locked.get(item.wanted.replica_id)
    action, hold = judge_change(before, item.wanted)
    if hold is not None:
        plan.difference.holds.append(hold)
    return None if action == "none" else Item(wanted=item.wanted, action=action, before=before)


def _approved_now(plan: LanePlan) -> list[Item]:
    """Acts whose document did not change but whose approval has arrived."""
    return [
        item
        for item in plan.difference.items
        if item.action == "none" and item.before is not None and item.before["status"] == "awaiting_approval"
        and item.wanted.ended is None and _approved(plan, item)
    ]  # fmt: skip


def _approved(plan: LanePlan, item: Item) -> bool:
    return any(
        row["subject"] == item.wanted.subject and bytes(row["digest"]) == item.wanted.covers
        for row in plan.state.approvals
    )


async def _lock(cursor: Cursor, tenant: str, replica_ids: set[str]) -> dict[str, Row]:
    await cursor.execute(_LOCK, (tenant, sorted(replica_ids)))
    return {row["replica_id"]: row for row in await cursor.fetchall()}


def _row(
    setup: TenantSetup,
    plan: LanePlan,
    item: Item,
    known: dict[str, tuple[int, int]],
    locked: dict[str, Row],
    now: datetime,
) -> Row:
    wanted, before = item.wanted, locked.get(item.wanted.replica_id)
    waits_on = [] if wanted.ended else [on for on in wanted.after if _unsettled(known, on)]
    status = _status(plan, item, before, waits_on)
    fence = before["fence_until"] if before else None
    return {
        "replica_id": wanted.replica_id, "lane": wanted.lane, "shard": shard_of(wanted.lane), "system": wanted.system,
        "kind": wanted.target.kind, "key": wanted.target.key, "role": wanted.target.role,
        "legal_entity": wanted.target.legal_entity, "nature": wanted.nature, "doc": wanted.doc,
        "digest": wanted.digest.hex(), "revision": item.revision, "status": status, "ended": wanted.ended,
        "after": list(wanted.after), "order_group": wanted.order_group, "basis": wanted.basis, "subject": wanted.subject,
        "covers": wanted.covers.hex() if wanted.covers else None, "expires_at": wanted.expires_at,
        "config_version": setup.config_version, "planned_by": plan.state.name,
        "correlation_id": plan.state.lane["correlation_id"], "causation_id": plan.state.lane["causation_id"],
        "next_actor": _next_actor(status, wanted.system), "latest_at": now + max(plan.decided.within, timedelta(minutes=1)),
        "waits_on": waits_on, "priority": wanted.priority, "part": wanted.part, "due_at": max(fence, now) if fence else now,
    }  # fmt: skip


def _unsettled(known: dict[str, tuple[int, int]], on: str) -> bool:
    revision, settled = known.get(on, (1, 0))
    return settled < revision


def _status(plan: LanePlan, item: Item, before: Row | None, waits_on: list[str]) -> str:
    if item.wanted.silent:
        return "ended"
    if before is not None and before["status"] in IN_FLIGHT:
        return str(before["status"])  # one unsettled item at a time: the outcome will queue the newer revision
    if item.wanted.nature == "act" and not _approved(plan, item):
        return "awaiting_approval"
    return "waiting" if waits_on else "pending"


def _next_actor(status: str, system: str) -> str:
    return {"awaiting_approval": "approver", "ambiguous": "integration"}.get(status, system)


_LOCK = "select * from replicas where tenant_id = %s and replica_id = any(%s) order by replica_id for update"
_UPSERT = """insert into replicas (tenant_id, replica_id, lane, shard, system, kind, key, role, legal_entity, nature, doc, digest,
  revision, status, ended, after, order_group, basis, subject, covers, expires_at, config_version, planned_by,
  correlation_id, causation_id, next_actor, latest_at, part)
select %s, replica_id, lane, shard, system, kind, key, role, legal_entity, nature, doc, decode(digest, 'hex'), revision,
  status, ended, after, order_group, basis, subject, decode(covers, 'hex'), expires_at, config_version, planned_by,
  correlation_id, causation_id, next_actor, latest_at, part
from jsonb_to_recordset(%s::jsonb) as r(replica_id text, lane text, shard smallint, system text, kind text, key text,
  role text, legal_entity text, nature text, doc jsonb, digest text, revision int, status text, ended text, after text[],
  order_group text, basis bigint, subject text, covers text, expires_at timestamptz, config_version text, planned_by text,
  correlation_id uuid, causation_id uuid, next_actor text, latest_at timestamptz, part text)
on conflict (tenant_id, replica_id) do update set doc = excluded.doc, digest = excluded.digest, revision = excluded.revision,
  status = excluded.status, ended = excluded.ended, after = excluded.after, basis = excluded.basis,
  subject = excluded.subject, covers = excluded.covers, config_version = excluded.config_version,
  correlation_id = excluded.correlation_id, causation_id = excluded.causation_id, next_actor = excluded.next_actor,
  latest_at = excluded.latest_at, attempts = 0, problem = null, updated_at = now()
  where replicas.basis <= excluded.basis and excluded.revision between replicas.revision and replicas.revision + 1"""
_WAIT = """insert into waits (tenant_id, on_replica, replica_id, on_revision)
select %s, on_replica, replica_id, on_revision
from jsonb_to_recordset(%s::jsonb) as r(on_replica text, replica_id text, on_revision int)
on conflict (tenant_id, on_replica, replica_id) do update set on_revision = excluded.on_revision"""
_QUEUE = """insert into due (tenant_id, replica_id, system, shard, step, due_at, priority)
select %s, replica_id, system, shard, 'push', due_at, priority
from jsonb_to_recordset(%s::jsonb) as r(replica_id text, system text, shard smallint, due_at timestamptz, priority smallint)
on conflict (tenant_id, replica_id) do update set step = 'push', due_at = excluded.due_at, priority = excluded.priority"""
_UNQUEUE = """delete from due d
using (select %s::text as tenant_id, x.* from jsonb_to_recordset(%s::jsonb) as x(replica_id text)) r
where d.tenant_id = r.tenant_id and d.replica_id = r.replica_id"""

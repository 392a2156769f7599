"""The way back into step: a plan that anyone may read first, and orders to the ordinary engine. Nothing is written from here.

State is written again under a new revision, unless the system owns a field that differs (O3); a stranger that was taken
back before is taken back again; everything about money is a person's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, LiteralString
from uuid import UUID

from tieline.engine.lanes import lock_lanes, wake
from tieline.engine.ordered import HOLD_RETRIED, journal_order
from tieline.engine.rows import Cursor, Row
from tieline.kit.errors import Conflict
from tieline.ports.landscape import Cadence, TenantSetup

Action = Literal["recreate", "rewrite", "withdraw", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairItem:
    """One line of a repair plan; `reason` says why a line with the action `none` is left to a person."""

    replica_id: str
    drift: str
    action: Action
    fields: tuple[dict[str, Any], ...] = ()
    reason: str = ""


async def repair_plan(cursor: Cursor, setup: TenantSetup, run: Row) -> list[RepairItem]:
    """What a repair of this run would order. Drift that was repaired, or has moved since, is not in it."""
    await cursor.execute(_DRIFT, (setup.tenant, run["run_id"]))
    return [_item(setup, run, row) for row in await cursor.fetchall()]


def _item(setup: TenantSetup, run: Row, row: Row) -> RepairItem:
    fields = tuple(
        {"name": name, "old": value["seen"], "new": value["planned"]}
        for name, value in sorted((row["fields"] or {}).items())
    )
    action, reason = _action(setup, run, row)
    return RepairItem(replica_id=row["replica_id"], drift=row["class"], action=action, fields=fields, reason=reason)


def _action(setup: TenantSetup, run: Row, row: Row) -> tuple[Action, str]:
    if row["class"] == "duplicate":
        return "none", "which of the two stays is a person's choice: delete the double in the system"
    if row["class"] == "orphan":
        if row["ended"] == "cancel" and setup.systems[run["system"]].operation(run["kind"], "end") is not None:
            return "withdraw", ""
        return "none", "nobody here planned it: a person deletes it in the system, or finds out whose it is"
    if row["status"] != "differs":
        return "none", "it has moved since: the next census looks again"
    if row["nature"] != "state":
        return "none", "it is a matter of money, written once: a person decides"
    theirs = [name for name, value in (row["fields"] or {}).items() if value.get("theirs")]
    if theirs and row["class"] != "missing":
        return (
            "none",
            f"{run['system']} owns {', '.join(sorted(theirs))} and holds another value, which is not overwritten",
        )
    return ("recreate" if row["class"] == "missing" else "rewrite"), ""


async def repair(
    cursor: Cursor, setup: TenantSetup, run: Row, principal: str, correlation_id: UUID | None
) -> list[RepairItem]:
    """Order what the plan says. Raises Conflict while the run asks whether so much may be gone."""
    if run["state"] == "stopped":
        raise Conflict(
            "This census stopped because too much is gone: allow it first, once you know why.", code="census_stopped"
        )
    items = await repair_plan(cursor, setup, run)
    taken_back = [item.replica_id for item in items if item.action == "withdraw"]
    limit = setup.census.get((run["system"], run["kind"]), Cadence()).retract_max
    if len(taken_back) > limit:
        raise Conflict(
            f"The repair would take back {len(taken_back)} documents, more than {limit} at once.", code="census_stopped"
        )
    await recreate(cursor, setup, [i.replica_id for i in items if i.action == "recreate"], principal, correlation_id)
    await again(cursor, setup, [i.replica_id for i in items if i.action == "rewrite"], principal, correlation_id)
    await _withdraw(cursor, setup, taken_back, principal, correlation_id)
    done = [item.replica_id for item in items if item.action != "none"]
    await cursor.execute(_REPAIRED, (principal, setup.tenant, run["run_id"], done))
    return items


async def recreate(
    cursor: Cursor, setup: TenantSetup, replica_ids: Sequence[str], principal: str, correlation_id: UUID | None
) -> None:
    """Made once more, as a new revision without the old reference."""
    await _order(cursor, setup, replica_ids, _RECREATE, principal, correlation_id)


async def again(
    cursor: Cursor, setup: TenantSetup, replica_ids: Sequence[str], principal: str, correlation_id: UUID | None
) -> None:
    """Sent once more, as a new revision: the same document under a new effect key."""
    await _order(cursor, setup, replica_ids, _AGAIN, principal, correlation_id)


async def _withdraw(
    cursor: Cursor, setup: TenantSetup, replica_ids: Sequence[str], principal: str, correlation_id: UUID | None
) -> None:
    await _order(cursor, setup, replica_ids, _WITHDRAW, principal, correlation_id)


async def _order(
    cursor: Cursor, setup: TenantSetup, replica_ids: Sequence[str], sql: LiteralString, principal: str,
    correlation_id: UUID | None,
) -> None:  # fmt: skip
    """Lanes first, then replicas: the order in which everybody locks. Each lane's journal says who ordered it."""
    if not replica_ids:
        return
    await cursor.execute(_LANES, (setup.tenant, list(replica_ids)))
    lanes = await lock_lanes(cursor, setup.tenant, [row["lane"] for row in await cursor.fetchall()])
    await cursor.execute(sql, {"tenant": setup.tenant, "ids": sorted(replica_ids)})
    ordered = await cursor.fetchall()
    for name, lane in lanes.items():
        subjects = sorted(row["replica_id"] for row in ordered if (row["planned_by"] or row["lane"]) == name)
        if subjects:
            said = {"subjects": subjects, "input_ids": []}
            await journal_order(cursor, setup, lane, HOLD_RETRIED, said, principal, correlation_id)
    await wake(cursor, setup.tenant, lanes)


_DRIFT: LiteralString = """select d.*, r.status, r.ended from census_drift d
left join replicas r on r.tenant_id = d.tenant_id and r.replica_id = d.replica_id
where d.tenant_id = %s and d.run_id = %s and d.state in ('found', 'told') order by d.class, d.replica_id"""
_LANES: LiteralString = """select distinct coalesce(planned_by, lane) as lane from replicas
where tenant_id = %s and replica_id = any(%s)"""
_PUSH: LiteralString = """queued as (
  insert into due (tenant_id, replica_id, system, shard, step, priority)
  select tenant_id, replica_id, system, shard, 'push', 7 from ordered
  on conflict (tenant_id, replica_id) do update set step = 'push', due_at = now())
select replica_id, lane, planned_by from ordered"""
_AGAIN: LiteralString = f"""with ordered as (
  update replicas set revision = revision + 1, status = 'pending', attempts = 0, problem = null, next_actor = system,
    updated_at = now()
  where tenant_id = %(tenant)s and replica_id = any(%(ids)s) and status in ('in_step', 'differs')
  returning tenant_id, replica_id, system, shard, lane, planned_by),
{_PUSH}"""
_RECREATE: LiteralString = f"""with ordered as (
  update replicas set revision = revision + 1, status = 'pending', attempts = 0, problem = null, external = null,
    next_actor = system, updated_at = now()
  where tenant_id = %(tenant)s and replica_id = any(%(ids)s) and status in ('in_step', 'differs')
  returning tenant_id, replica_id, system, shard, lane, planned_by),
{_PUSH}"""
_WITHDRAW: LiteralString = f"""with ordered as (
  update replicas set revision = revision + 1, status = 'pending', attempts = 0, problem = null, next_actor = system,
    updated_at = now()
  where tenant_id = %(tenant)s and replica_id = any(%(ids)s) and status = 'ended' and ended = 'cancel'
  returning tenant_id, replica_id, system, shard, lane, planned_by),
{_PUSH}"""
_REPAIRED: LiteralString = """update census_drift set state = 'repaired', repaired_by = %s
where tenant_id = %s and run_id = %s and replica_id = any(%s)"""

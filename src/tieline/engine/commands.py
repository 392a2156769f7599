"""What people order: look ahead, let a plan go, say yes to a document, try again. Each order is one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from tieline.engine.crashpoints import crash_point
from tieline.engine.holds import lift
from tieline.engine.lanes import lane_row, lock_lanes, set_lanes, wake
from tieline.engine.ordered import HOLD_RETRIED, HOLD_SETTLED, journal_order
from tieline.engine.planning.difference import describe_item
from tieline.engine.planning.dry import dry_plan
from tieline.engine.planning.lane_plan import LanePlan
from tieline.engine.planning.proposals import proposal
from tieline.engine.rows import Cursor, Row, tenant_transaction, write
from tieline.kit.errors import Conflict, NotFound
from tieline.kit.ids import uuid7
from tieline.ports.commands import Left, PlanItem, Preview
from tieline.ports.landscape import Landscape, TenantSetup


class EngineCommands:
    """Implements `ports.commands.Commands` on the store."""

    def __init__(self, pool: AsyncConnectionPool[Any], landscape: Landscape, clock: Callable[[], datetime]) -> None:
        self.pool, self.landscape, self.clock = pool, landscape, clock

    async def preview(self, tenant: str, lane: str, setup: TenantSetup | None = None) -> Preview:
        """What would change now; with another `setup`, what would change under that configuration. Writes nothing."""
        known = self._setup(tenant)
        planned_with = replace(setup, clock=known.clock) if setup else known
        async with self.pool.connection() as connection, tenant_transaction(connection, tenant) as cursor:
            plan = await _dry_plan(cursor, planned_with, lane, known.clock.present(self.clock()))
        found = _preview(planned_with, plan)
        return found if setup is None else replace(found, plan_id=None)  # only what is configured can be applied

    async def approve_plan(self, tenant: str, plan_id: str, principal: str, correlation_id: UUID) -> str:
        """Let exactly this plan go. Conflict `stale_plan` when it is not what would happen now."""
        async with self.pool.connection() as connection, tenant_transaction(connection, tenant) as cursor:
            plan = await _one(cursor, "select * from plans where tenant_id = %s and plan_id = %s", (tenant, plan_id))
            if plan is None:
                raise NotFound(f"There is no plan {plan_id}.")
            lanes = await lock_lanes(cursor, tenant, [plan["lane"]])
            await cursor.execute(
                "select state from plans where tenant_id = %s and plan_id = %s for update", (tenant, plan_id)
            )
            if plan["state"] in ("approved", "applied"):
                return str(plan["state"])
            lane = lanes[plan["lane"]]
            if plan["state"] == "stale" or lane["wanted"] != lane["planned"]:
                raise Conflict(_STALE, code="stale_plan")
            await cursor.execute(_APPROVE_PLAN, (principal, tenant, plan_id))
            await _touch(cursor, tenant, lane, correlation_id)
            crash_point("before_approval_commit")
        crash_point("after_approval_commit")
        return "approved"

    async def approve(
        self, tenant: str, lane: str, subject: str, digest_hex: str, principal: str, correlation_id: UUID
    ) -> None:
        """A person's yes to one frozen document. Conflict when it is not the document that waits."""
        async with self.pool.connection() as connection, tenant_transaction(connection, tenant) as cursor:
            lanes = await lock_lanes(cursor, tenant, [lane])
            if lane not in lanes:
                raise NotFound(f"There is nothing to release under {lane.partition(':')[2]}.")
            await cursor.execute(_PENDING, (tenant, lane, subject))
            waiting = await cursor.fetchall()
            if not any((row["evidence"] or {}).get("digest") == digest_hex for row in waiting):
                if await _one(cursor, _GIVEN, (tenant, lane, subject, bytes.fromhex(digest_hex))):
                    return
                raise Conflict("The document has changed since you saw it, or does not wait for a release: look again.")
            row = {
                "lane": lane,
                "subject": subject,
                "digest": digest_hex,
                "principal": principal,
                "correlation_id": correlation_id,
            }
            await write(cursor, _APPROVE, [row | {"approval_id": uuid7()}], tenant)
            await _touch(cursor, tenant, lanes[lane], correlation_id)
            crash_point("before_approval_commit")
        crash_point("after_approval_commit")

    async def retry(
        self, tenant: str, lane: str, hold_id: UUID | None, principal: str, correlation_id: UUID | None = None
    ) -> int:
        """Try again now what this hold, or the whole lane, waits for. What is ambiguous stays with a person."""
        async with self.pool.connection() as connection, tenant_transaction(connection, tenant) as cursor:
            lanes = await lock_lanes(cursor, tenant, [lane], create=hold_id is not None)
            await cursor.execute(_HOLDS, {"tenant": tenant, "lane": lane, "hold": hold_id})
            holds = await cursor.fetchall()
            if hold_id is not None and not holds:
                raise NotFound("There is no such open hold.")
            inputs = [h["input_id"] for h in holds if h["source"] == "intake" and h["input_id"]]
            replicas = [h["subject"] for h in holds if h["source"] == "push"]
            count = await _requeue_inputs(cursor, tenant, inputs) + await _requeue_replicas(cursor, tenant, replicas)
            await lift(
                cursor,
                tenant,
                [h["hold_id"] for h in holds if h["source"] in ("intake", "push") and h["code"] != "AMBIGUOUS"],
            )
            await wake(cursor, tenant, lanes)
            said = {"subjects": sorted({h["subject"] for h in holds}), "input_ids": sorted(map(str, inputs))}
            for row in lanes.values():
                await journal_order(cursor, self._setup(tenant), row, HOLD_RETRIED, said, principal, correlation_id)
            await cursor.execute("select pg_notify('tieline_work', 'intake'), pg_notify('tieline_work', 'plan')")
        return count

    async def settle(
        self, tenant: str, hold_id: UUID, external_id: str | None, principal: str, correlation_id: UUID | None = None
    ) -> str:
        """A person looked: it is there (its external id), or certainly not (None), and is then sent once more.

        Returns the replica's new status. NotFound for anything but an open AMBIGUOUS hold.
        """
        async with self.pool.connection() as connection, tenant_transaction(connection, tenant) as cursor:
            await cursor.execute(_HOLDS, {"tenant": tenant, "lane": None, "hold": hold_id})
            holds = [hold for hold in await cursor.fetchall() if hold["code"] == "AMBIGUOUS"]
            if not holds:
                raise NotFound("There is no such open hold that waits for a person to look.")
            lane, replica = holds[0]["lane"], holds[0]["subject"]
            lanes = await lock_lanes(cursor, tenant, [lane])
            external = (
                None if external_id is None else {"id": external_id, "version": None, "extra": {"told_by": principal}}
            )
            found = await _one(cursor, _SETTLE, {"tenant": tenant, "replica": replica, "external": Jsonb(external)})
            if found is None:
                raise Conflict("It does not wait for this answer any more: look again.")
            await lift(cursor, tenant, [hold_id])
            await wake(cursor, tenant, [lane])
            said = {"subject": replica, "external_id": external_id}
            for row in lanes.values():
                await journal_order(cursor, self._setup(tenant), row, HOLD_SETTLED, said, principal, correlation_id)
            await cursor.execute("select pg_notify('tieline_work', 'plan')")
        return str(found["status"])

    def _setup(self, tenant: str) -> TenantSetup:
        if tenant not in self.landscape:
            raise NotFound("There is no such firm here.")
        return self.landscape[tenant]


async def _dry_plan(cursor: Cursor, setup: TenantSetup, lane: str, now: datetime) -> LanePlan:
    await cursor.execute("select * from lanes where tenant_id = %s and lane = %s", (setup.tenant, lane))
    row = await cursor.fetchone()
    if row is None:
        raise NotFound(f"There is nothing known under {lane.partition(':')[2]}.")
    return await dry_plan(cursor, setup, row, now)


def _preview(setup: TenantSetup, plan: LanePlan) -> Preview:
    gated = [item for items in plan.difference.gated.values() for item in items]
    items = [PlanItem(**describe_item(item)) for item in [*plan.difference.items, *gated]]
    holds: list[dict[str, Any]] = [
        {
            "code": h.code, "subject": h.subject, "owner": h.owner, "sentence": h.sentence, "way_out": h.way_out,
            "amount": h.amount, "currency": h.currency, "evidence": h.evidence,
        }
        for h in plan.difference.holds
    ]  # fmt: skip
    return Preview(holds=holds, items=items, plan_id=_plan_id(setup, plan), left=_left(setup, plan))


def _left(setup: TenantSetup, plan: LanePlan) -> list[Left]:
    """What a system holds that no longer plays the role it was written for: it stays there, nobody deletes it."""
    return [
        Left(replica_id=row["replica_id"], system=row["system"], kind=row["kind"], key=row["key"])
        for _, row in sorted(plan.state.replicas.items())
        if row["status"] != "ended" and row["system"] != setup.route(row["role"], row["legal_entity"])
    ]


def _plan_id(setup: TenantSetup, plan: LanePlan) -> str | None:
    """The stored proposal that these gated changes are, or would become."""
    stale = {row["plan_id"] for row in plan.stale}
    waiting = [row["plan_id"] for row in plan.state.plans if row["plan_id"] not in stale and row["state"] == "proposed"]
    made = [proposal(setup, plan, gate, items)["plan_id"] for gate, items in plan.proposed.items()]
    return next(iter([*waiting, *made]), None)


async def _touch(cursor: Cursor, tenant: str, lane: Row, correlation_id: UUID) -> None:
    """A person changed what ought to be: plan again before anything more is sent for this lane."""
    row = lane_row(
        lane, wanted=lane["wanted"] + 1, planned=lane["planned"], lane_seq=lane["lane_seq"], wake_at=lane["wake_at"],
        correlation_id=correlation_id,
    )  # fmt: skip
    await set_lanes(cursor, tenant, [row])
    await wake(cursor, tenant, [lane["lane"]])
    await cursor.execute("select pg_notify('tieline_work', 'plan')")


async def _one(cursor: Cursor, sql: Any, parameters: Sequence[Any] | Mapping[str, Any]) -> Row | None:
    await cursor.execute(sql, parameters)
    return await cursor.fetchone()


async def _requeue_inputs(cursor: Cursor, tenant: str, input_ids: Sequence[UUID]) -> int:
    found = await _one(cursor, _REQUEUE_INPUTS, (tenant, list(input_ids)))
    return int(found["count"]) if found else 0


async def _requeue_replicas(cursor: Cursor, tenant: str, replica_ids: Sequence[str]) -> int:
    found = await _one(cursor, _REQUEUE_REPLICAS, (tenant, list(replica_ids)))
    return int(found["count"]) if found else 0


async def replan_all(connection: AsyncConnection[Any], setup: TenantSetup) -> bool:
    """Wake every lane of a tenant when its configuration is not the one that was planned with. True if it was so."""
    async with tenant_transaction(connection, setup.tenant) as cursor:
        known = await _one(cursor, _CONFIGURED, (setup.config_version, setup.tenant, setup.config_version))
        if known is None:
            return False
        await cursor.execute(_WAKE_ALL, (setup.tenant,))
    return True


_STALE = "The world has moved since this plan was made. Look at the new plan with `tieline plan` and decide again."
_APPROVE_PLAN = (
    "update plans set state = 'approved', decided_by = %s, decided_at = now() where tenant_id = %s and plan_id = %s"
)
_PENDING = (
    "select * from holds where tenant_id = %s and lane = %s and subject = %s and lifted_at is null and source = 'flow'"
)
_GIVEN = "select 1 from approvals where tenant_id = %s and lane = %s and subject = %s and digest = %s and withdrawn_at is null"
_APPROVE = """insert into approvals (tenant_id, approval_id, lane, subject, digest, principal, correlation_id)
select %s, approval_id, lane, subject, decode(digest, 'hex'), principal, correlation_id
from jsonb_to_recordset(%s::jsonb) as r(approval_id uuid, lane text, subject text, digest text, principal text,
  correlation_id uuid)"""
_HOLDS = """select * from holds where tenant_id = %(tenant)s and lifted_at is null
  and (hold_id = %(hold)s or (%(hold)s::uuid is null and lane = %(lane)s))"""
_REQUEUE_INPUTS = """with again as (
  update inputs set status = 'accepted', reason = null, settled_at = null
  where tenant_id = %s and input_id = any(%s) and status = 'rejected' returning tenant_id, input_id, received_at, shard),
queued as (
  insert into intake (tenant_id, input_id, received_at, shard) select * from again on conflict do nothing)
select count(*) from again"""
_REQUEUE_REPLICAS = """with again as (
  update replicas set status = case when status = 'differs' then 'written' when status = 'held' then 'pending' else status end,
    attempts = 0, updated_at = now()
  where tenant_id = %s and replica_id = any(%s) and status in ('held', 'pending', 'differs', 'written')
  returning tenant_id, replica_id, system, shard, status),
queued as (
  insert into due (tenant_id, replica_id, system, shard, step)
  select tenant_id, replica_id, system, shard, case status when 'written' then 'observe' else 'push' end from again
  on conflict (tenant_id, replica_id) do update set step = excluded.step, due_at = now())
select count(*) from again"""
_SETTLE = """with told as (select %(external)s::jsonb as external),
replica as (
  update replicas r set status = case when told.external = 'null' then 'pending' else 'written' end,
    external = case when told.external = 'null' then r.external else told.external end,
    settled_revision = case when told.external = 'null' then r.settled_revision else r.revision end, updated_at = now()
  from told where r.tenant_id = %(tenant)s and r.replica_id = %(replica)s and r.status = 'ambiguous'
  returning r.tenant_id, r.replica_id, r.system, r.shard, r.status),
effect as (
  update effects e set state = case when told.external = 'null' then 'failed' else 'ok' end, settled_at = now()
  from told where e.tenant_id = %(tenant)s and e.replica_id = %(replica)s and e.state = 'ambiguous'),
queued as (
  insert into due (tenant_id, replica_id, system, shard, step)
  select tenant_id, replica_id, system, shard, case status when 'pending' then 'push' else 'observe' end from replica
  on conflict (tenant_id, replica_id) do update set step = excluded.step, due_at = now())
select status from replica"""
_CONFIGURED = """update tenants set config_version = %s where tenant_id = %s and config_version is distinct from %s
returning tenant_id"""
_WAKE_ALL = (
    "insert into lane_dirty (tenant_id, lane, shard) select tenant_id, lane, shard from lanes where tenant_id = %s"
)

"""One planning transaction for many lanes of one tenant, and the dry version of it for people who ask first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from tieline.engine.crashpoints import crash_point
from tieline.engine.lanes import lock_lanes
from tieline.engine.leases import Leases, fence
from tieline.engine.planning.decide import Decided, decide
from tieline.engine.planning.difference import Difference, Item, difference, gate_digest
from tieline.engine.planning.load import LaneState, load_states
from tieline.engine.planning.store import store_plans
from tieline.engine.rows import Row, tenant_transaction
from tieline.ports.landscape import TenantSetup


@dataclass(slots=True)
class LanePlan:
    """What one lane's planning came to. `approved`: gates whose changes are applied now; `proposed` wait for a yes."""

    state: LaneState
    decided: Decided
    difference: Difference
    apply: list[Item] = field(default_factory=list)
    approved: list[Row] = field(default_factory=list)
    stale: list[Row] = field(default_factory=list)
    proposed: dict[str, list[Item]] = field(default_factory=dict)


async def plan_lanes(
    connection: AsyncConnection[Any],
    leases: Leases,
    setup: TenantSetup,
    lanes: Mapping[str, int],
    now: datetime,
) -> int:
    """Plan `lanes` (name -> newest wake-up read). Returns how many replicas changed. Raises LeaseLost."""
    async with tenant_transaction(connection, setup.tenant) as cursor:
        locked = await lock_lanes(cursor, setup.tenant, lanes, create=True)
        await fence(cursor, leases, {row["shard"] for row in locked.values()})
        states = await load_states(cursor, setup, locked)
        plans = [plan_lane(setup, state, now) for state in states]
        await store_plans(cursor, setup, plans, dict(lanes), now)
        crash_point("before_plan_commit")
    crash_point("after_plan_commit")
    return sum(len(plan.apply) for plan in plans)


def plan_lane(setup: TenantSetup, state: LaneState, now: datetime) -> LanePlan:
    """Pure: decide, compare, and sort the gated changes into approved, stale and proposed."""
    decided = decide(setup, state, now)
    found = difference(setup, state, decided)
    plan = LanePlan(state=state, decided=decided, difference=found, apply=found.changes())
    if decided.error:
        return plan
    _sort_gates(plan, found.gated, state.plans)
    return plan


def _sort_gates(plan: LanePlan, gated: Mapping[str, Sequence[Item]], plans: Sequence[Row]) -> None:
    for row in plans:
        items = gated.get(row["gate"])
        same = items is not None and gate_digest(items) == bytes(row["digest"])
        if row["state"] == "approved" and same:
            plan.approved.append(row)
            plan.apply += items or []
        elif not same:
            plan.stale.append(row)
    settled = {row["gate"] for row in plan.approved}
    open_gates = {row["gate"] for row in plans if row not in plan.stale and row not in plan.approved}
    plan.proposed = {g: list(items) for g, items in gated.items() if g not in settled and g not in open_gates}

"""One planning transaction for many lanes of one tenant, and the dry version of it for people who ask first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from tieline.engine.crashpoints import crash_point
from tieline.engine.lanes import lock_lanes
from tieline.engine.leases import Leases, fence
from tieline.engine.planning.lane_plan import plan_lane
from tieline.engine.planning.load import load_states
from tieline.engine.planning.store import store_plans
from tieline.engine.rows import tenant_transaction
from tieline.ports.landscape import TenantSetup


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

"""The plan of one lane for people who ask first: as it would be made now, or under another configuration. Writes nothing.

Of a lane whose records come in parts, as many parts are shown as one transaction would plan; the others go the same way.
"""

from __future__ import annotations

from datetime import datetime

from tieline.engine.planning.lane_plan import LanePlan, plan_lane
from tieline.engine.planning.load import load_states
from tieline.engine.planning.load_parts import load_parts
from tieline.engine.planning.parts import Due, first_parts
from tieline.engine.pools.grants import grant_draws
from tieline.engine.pools.load import load_draws
from tieline.engine.rows import Cursor, Row
from tieline.ports.landscape import TenantSetup


async def dry_plan(cursor: Cursor, setup: TenantSetup, lane: Row, now: datetime) -> LanePlan:
    parts = await first_parts(cursor, setup, lane["lane"])
    whole = await _plan(cursor, setup, lane, Due(any=bool(parts)), now)
    if parts:
        partial = await _plan(cursor, setup, lane, Due(any=True, parts=parts), now)
        seen = {item.wanted.replica_id for item in whole.difference.items}
        whole.difference.items += [i for i in partial.difference.items if i.wanted.replica_id not in seen]
        whole.difference.holds += partial.difference.holds
        whole.state.replicas = {**partial.state.replicas, **whole.state.replicas}
    return whole


async def _plan(cursor: Cursor, setup: TenantSetup, lane: Row, due: Due, now: datetime) -> LanePlan:
    name = str(lane["lane"])
    states = await load_states(cursor, setup, {name: lane}, learn=False, due={name: due})
    await load_parts(cursor, setup, states, now)
    await load_draws(cursor, setup.tenant, states)
    return (await grant_draws(cursor, setup, [plan_lane(setup, states[0], now)], now, dry=True))[0]

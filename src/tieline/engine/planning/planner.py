"""The planner of one worker: takes the lanes that were woken or whose hour has come, and plans them in batches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tieline.engine.holds import NewHold, raise_holds
from tieline.engine.leases import LeaseLost, Leases
from tieline.engine.loans import Loans
from tieline.engine.planning.plan import plan_lanes
from tieline.engine.pumps.pump import Pump
from tieline.engine.rows import ask, tenant_transaction, write
from tieline.ports.landscape import Landscape, TenantSetup, present

CLAIM_MAX = 48  # small enough that what was planned first is under way while the next are planned


class Planner:
    """`pump` begins what becomes due, or is told that there is something."""

    def __init__(
        self,
        loans: Loans,
        leases: Leases,
        landscape: Landscape,
        clock: Callable[[], datetime],
        pump: Pump,
    ) -> None:
        self.loans, self.leases, self.landscape, self.clock, self.pump = loans, leases, landscape, clock, pump
        self._again = False

    async def round(self) -> int:
        """Plan one batch of lanes. Returns how many lanes were looked at: a full batch while any has more to plan at once."""
        shards = list(self.leases.held)
        if not shards:
            return 0
        async with self.loans.connection() as connection:
            lanes = await self._claims(connection, shards)
            for tenant, some in lanes.items():
                await self._plan(connection, self.landscape[tenant], some)
        again, self._again = self._again, False
        return CLAIM_MAX if again else sum(len(some) for some in lanes.values())

    async def _claims(self, connection: psycopg.AsyncConnection[Any], shards: list[int]) -> dict[str, dict[str, int]]:
        lanes: dict[str, dict[str, int]] = defaultdict(dict)
        async with connection.pipeline(), connection.cursor(row_factory=dict_row) as cursor:
            dirty = await ask(cursor, _DIRTY, (shards, CLAIM_MAX))
            wakes = await ask(cursor, _WAKES, (shards, present(self.landscape, self.clock()), CLAIM_MAX))
            for row in await dirty.fetchall():
                lanes[row["tenant_id"]][row["lane"]] = row["dirty_id"]
            for row in await wakes.fetchall():
                lanes[row["tenant_id"]].setdefault(row["lane"], 0)
        return {tenant: some for tenant, some in lanes.items() if tenant in self.landscape}

    async def _plan(
        self, connection: psycopg.AsyncConnection[Any], setup: TenantSetup, lanes: Mapping[str, int]
    ) -> None:
        """A batch that the store refuses is halved until the poison lane stands alone; it gets a hold, the others go on."""
        try:
            async with self.pump.going_on(setup) as go_on:
                planned = await plan_lanes(connection, self.leases, setup, lanes, self.clock(), go_on)
            self._again |= planned.again
            if planned.due:
                self.pump.wanted.set()
        except LeaseLost:
            return
        except psycopg.errors.DeadlockDetected:
            return  # still woken: the next round plans it
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            if len(lanes) > 1:
                names = sorted(lanes)
                for half in (names[: len(names) // 2], names[len(names) // 2 :]):
                    await self._plan(connection, setup, {name: lanes[name] for name in half})
                return
            await _poisoned(connection, setup.tenant, lanes, error)


async def _poisoned(
    connection: psycopg.AsyncConnection[Any], tenant: str, lanes: Mapping[str, int], error: psycopg.Error
) -> None:
    async with tenant_transaction(connection, tenant) as cursor:
        holds = [
            NewHold(
                lane=lane, source="engine", code="PLAN_UNSTORABLE", subject=lane, owner="integration",
                sentence="The plan of this contract cannot be stored; everything stays as it is.",
                way_out="This is a defect of ours: send the output of `tieline trace` to the developers.",
                evidence={"error": type(error).__name__},
            )
            for lane in lanes
        ]  # fmt: skip
        await raise_holds(cursor, tenant, holds)
        await write(cursor, _ANSWERED, [{"lane": lane, "upto": upto} for lane, upto in lanes.items()], tenant)


_DIRTY = "select * from claim_dirty(%s::smallint[], %s)"
_WAKES = "select * from claim_wakes(%s::smallint[], %s, %s)"
_ANSWERED = """delete from lane_dirty d
using (select %s::text as tenant_id, r.* from jsonb_to_recordset(%s::jsonb) as r(lane text, upto bigint)) s
where d.tenant_id = s.tenant_id and d.lane = s.lane and d.dirty_id <= s.upto"""

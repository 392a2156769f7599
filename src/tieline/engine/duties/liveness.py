"""The liveness monitor: everything unfinished has a next actor and a latest time, and this proves it again and again (L5).

What is late becomes an OVERDUE hold on its lane, lifted when it is late no more, both journaled (V2). The numbers go to
`watches`, with the time of the look: a monitor that stands still is seen by the age of its own rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from tieline.engine.duties.duty import Duty, fence, term
from tieline.engine.duties.watches import LIMIT, WATCHES, Watch
from tieline.engine.events import NewEvent, append_events
from tieline.engine.holds import NewHold, lift, raise_holds
from tieline.engine.lanes import lock_lanes
from tieline.engine.rows import Cursor, Row, as_json, ask, tenant_transaction
from tieline.kit.ids import uuid7
from tieline.ports.landscape import Landscape, present

EVERY_S = 5.0
CODE, SOURCE = "OVERDUE", "monitor"
SHOWN = 5  # in the evidence of one hold
log = structlog.get_logger("tieline.liveness")


class Monitor:
    """`clock` is the wall clock: latest times come from it. `log` says once when a watch begins or ceases to be late."""

    def __init__(
        self,
        pool: AsyncConnectionPool[Any],
        landscape: Landscape,
        clock: Callable[[], datetime],
        watches: Sequence[Watch] = WATCHES,
    ) -> None:
        self._pool, self._landscape, self._clock, self._watches = pool, landscape, clock, tuple(watches)
        self._late: set[str] = set()

    def duty(self) -> Duty:
        return Duty(name="liveness", every_s=EVERY_S, run=self.round)

    async def round(self) -> int:
        """Look at every tenant. Answers 0: another look at once would see the same."""
        found: dict[str, list[Row]] = {watch.name: [] for watch in self._watches}
        async with self._pool.connection() as connection:
            for tenant in self._landscape:
                for watch, rows in (await self._look(connection, tenant)).items():
                    found[watch] += rows[:1]  # the oldest; it carries the count of all
            await self._tell(connection, found)
        return 0

    async def _look(self, connection: AsyncConnection[Any], tenant: str) -> dict[str, list[Row]]:
        async with tenant_transaction(connection, tenant) as cursor:
            await fence(cursor)
            now = self._clock()
            values = {"tenant": tenant, "now": now, "business": present(self._landscape, now), "limit": LIMIT}
            asked = {watch.name: await ask(cursor, watch.sql, values) for watch in self._watches}
            found = {name: await answer.fetchall() for name, answer in asked.items()}
            late: dict[str, list[Row]] = defaultdict(list)
            for name, rows in found.items():
                for row in rows:
                    if row["lane"] is not None:
                        late[row["lane"]].append({**row, "watch": name})
            whole = all(len(rows) < LIMIT for rows in found.values())
            await self._settle(cursor, tenant, late, whole=whole)
        return found

    async def _settle(self, cursor: Cursor, tenant: str, late: Mapping[str, list[Row]], *, whole: bool) -> None:
        """Raise for lanes that have become late, lift for those that are no more; `whole`: `late` names every one."""
        await cursor.execute(_OPEN, (tenant, SOURCE))
        known = {row["lane"]: row for row in await cursor.fetchall()}
        gone = [row for lane, row in known.items() if lane not in late] if whole else []
        lanes = await lock_lanes(cursor, tenant, [*(late.keys() - known.keys()), *(row["lane"] for row in gone)])
        fresh = [_hold(lane, late[lane], lanes[lane]) for lane in late if lane in lanes and lane not in known]
        await raise_holds(cursor, tenant, fresh)
        await lift(cursor, tenant, [row["hold_id"] for row in gone])
        events = [_event(lanes[hold.lane], "raised", {"owner": hold.owner}) for hold in fresh]
        events += [_event(lanes[row["lane"]], "lifted", {}) for row in gone if row["lane"] in lanes]
        await append_events(cursor, tenant, events)
        numbered = [{"lane": event.lane, "lane_seq": event.lane_seq} for event in events]
        if numbered:
            await cursor.execute(_NUMBERED, (tenant, as_json(numbered)))

    async def _tell(self, connection: AsyncConnection[Any], found: Mapping[str, Sequence[Row]]) -> None:
        held = term()
        rows = [
            {"watch": name, "overdue": sum(row["all_of_them"] for row in late),
             "oldest_at": min((row["since"] for row in late), default=None), "epoch": held.epoch if held else 0}
            for name, late in found.items()
        ]  # fmt: skip
        await connection.execute(_TOLD, (as_json(rows), [row["watch"] for row in rows]))
        for row in rows:
            if (row["overdue"] > 0) is not (row["watch"] in self._late):
                log.warning("overdue" if row["overdue"] else "in_time_again", watch=row["watch"], count=row["overdue"])
        self._late = {row["watch"] for row in rows if row["overdue"]}


def _hold(lane: str, late: Sequence[Row], row: Row) -> NewHold:
    oldest = min(late, key=lambda each: each["since"])
    turn = f"it is the turn of {oldest['actor']}" if oldest["actor"] else "it is nobody's turn"
    return NewHold(
        lane=lane, source=SOURCE, code=CODE, subject=lane, owner="integration",
        sentence=f"{oldest['subject']} ought to have been finished by {oldest['since']:%Y-%m-%d %H:%M} UTC; {turn}.",
        way_out="Look with `tieline get contract` who is next, and act or ask them; the alert ends when it is done.",
        evidence=[{"watch": each["watch"], "subject": each["subject"], "next_actor": each["actor"],
                   "since": each["since"].isoformat()} for each in late[:SHOWN]],
        correlation_id=row["correlation_id"],
    )  # fmt: skip


def _event(lane: Row, what: str, more: Mapping[str, Any]) -> NewEvent:
    lane["lane_seq"] += 1
    return NewEvent(
        lane=lane["lane"], lane_seq=lane["lane_seq"], type=f"dev.tieline.hold.{what}.v1", subject=lane["lane"],
        data={"code": CODE, "subject": lane["lane"], **more}, correlation_id=lane["correlation_id"] or uuid7(),
        causation_id=lane["causation_id"], actor="tieline", legal_entity=lane["legal_entity"],
    )  # fmt: skip


_OPEN = "select hold_id, lane from holds where tenant_id = %s and source = %s and lifted_at is null"
_NUMBERED = """update lanes l set lane_seq = r.lane_seq
from (select %s::text as tenant_id, x.* from jsonb_to_recordset(%s::jsonb) as x(lane text, lane_seq bigint)) r
where l.tenant_id = r.tenant_id and l.lane = r.lane"""
# A monitor that lost its duty and goes on for a moment never writes over what its successor saw.
_TOLD = """with told as (
  insert into watches as w (watch, overdue, oldest_at, looked_at, epoch)
  select r.watch, r.overdue, r.oldest_at, clock_timestamp(), r.epoch
  from jsonb_to_recordset(%s::jsonb) as r(watch text, overdue bigint, oldest_at timestamptz, epoch bigint)
  on conflict (watch) do update set overdue = excluded.overdue, oldest_at = excluded.oldest_at,
    looked_at = excluded.looked_at, epoch = excluded.epoch where w.epoch <= excluded.epoch)
update watches set overdue = 0, oldest_at = null where not watch = any(%s) and overdue > 0"""

"""One planning transaction for many lanes of one tenant, and the dry version of it for people who ask first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from tieline.engine.crashpoints import crash_point
from tieline.engine.fanout import spread
from tieline.engine.lanes import lock_lanes, wake
from tieline.engine.leases import Leases, fence_sent
from tieline.engine.planning.lane_plan import LanePlan, plan_lane
from tieline.engine.planning.load import LaneState, learn_reads, load_states
from tieline.engine.planning.load_parts import load_parts, terms_digest
from tieline.engine.planning.parts import ask_parts, due_parts, parts_changed, parts_planned, set_sweeps
from tieline.engine.planning.store import answer, store_plans
from tieline.engine.pools.grants import grant_draws
from tieline.engine.pools.load import load_draws, tell_parts
from tieline.engine.pumps.begun import GoOn, nothing_begun
from tieline.engine.pumps.intents import Claim
from tieline.engine.rows import Cursor, Row, tenant_transaction
from tieline.ports.decisions import WakeAt
from tieline.ports.landscape import TenantSetup


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What is due now and has not begun, and whether a lane of these has more to plan at once."""

    due: Sequence[Claim]
    again: bool


async def plan_lanes(
    connection: AsyncConnection[Any],
    leases: Leases,
    setup: TenantSetup,
    lanes: Mapping[str, int],
    now: datetime,
    go_on: GoOn = nothing_begun,
) -> Planned:
    """Plan `lanes` (name -> newest wake-up read). Raises LeaseLost.

    What is announced after the wake-ups were taken away is planned again: the records are read only then. What is decided
    goes by business time, asked for once, so that no hour lies between two answers.
    """
    moment = setup.clock.present(now)
    async with tenant_transaction(connection, setup.tenant) as cursor:
        locked = await lock_lanes(cursor, setup.tenant, lanes, create=True)
        fenced = await fence_sent(cursor, leases, {row["shard"] for row in locked.values()})
        await answer(cursor, setup.tenant, lanes)
        parts = await ask_parts(cursor, setup, locked)
        tells, hears, draws = await _standing(cursor, setup.tenant, locked)
        await fenced.check()
        if tells:
            await spread(cursor, setup.tenant, tells)
        if hears:
            await tell_parts(cursor, setup.tenant, hears)
            parts = await ask_parts(cursor, setup, locked)
        due = await due_parts(cursor, setup, locked, moment, parts)
        states = await load_states(cursor, setup, locked, learn=False, due=due)
        await load_parts(cursor, setup, states, moment)
        if drawing := [state for state in states if state.name in draws]:
            await load_draws(cursor, setup.tenant, drawing)
        queued, again = await _plan(cursor, setup, states, moment, now)
        left = await go_on(cursor, [claim for claim in queued if claim["due_at"] <= now])
        crash_point("before_plan_commit")
    crash_point("after_plan_commit")
    return Planned(due=left, again=again)


async def _standing(cursor: Cursor, tenant: str, lanes: Iterable[str]) -> tuple[list[str], list[str], list[str]]:
    """Of locked lanes: which have readers still to tell, which were granted something since, which draw from pools.

    One question in place of four, since most lanes have nothing of it.
    """
    await cursor.execute(_STANDING, (tenant, sorted(lanes)))
    rows = await cursor.fetchall()
    tells, hears, draws = ([row["lane"] for row in rows if row[what]] for what in ("tells", "hears", "draws"))
    return tells, hears, draws


async def _plan(
    cursor: Cursor, setup: TenantSetup, states: Sequence[LaneState], moment: datetime, now: datetime
) -> tuple[Sequence[Claim], bool]:
    """Parts first, each lane as a whole once no part of it is due and all were planned under its present terms."""
    partial = [plan_lane(setup, state, moment) for state in states if state.due.parts]
    terms = {state.name: terms_digest(setup, state, moment) for state in states if state.due.any}
    whole = [state for state in states if not state.due.parts and not state.due.waits]
    outdated = [state for state in whole if state.due.any and _outdated(state, terms[state.name])]
    whole = [state for state in whole if state not in outdated]
    await learn_reads(cursor, setup.tenant, whole)
    plans = [*partial, *(plan_lane(setup, state, moment) for state in whole)]
    plans = await grant_draws(cursor, setup, plans, moment)
    queued = await store_plans(cursor, setup, plans, moment, now)
    done = [plan for plan in plans if plan.state.due.parts and plan.decided.error is None]
    await _store_parts(cursor, setup, done, moment)
    sweeps = [
        sweep_row(plan.state, plan.state.lane["terms"] or terms[plan.state.name], plan.state.due.swept) for plan in done
    ]
    sweeps += [sweep_row(state, terms[state.name], "") for state in outdated]
    sweeps += [sweep_row(state, state.lane["terms"], None) for state in whole if state.lane["sweep"] is not None]
    await set_sweeps(cursor, setup.tenant, sweeps)
    again = [*(plan.state for plan in done), *outdated, *(state for state in states if state.due.waits)]
    await wake(cursor, setup.tenant, [state.name for state in again])
    return queued, again != []


def _outdated(state: LaneState, terms: bytes | None) -> bool:
    known = state.lane["terms"]
    return terms is not None and (known is None or bytes(known) != terms)


def sweep_row(state: LaneState, terms: bytes | None, swept: str | None) -> Row:
    return {"lane": state.name, "terms": bytes(terms).hex() if terms else None, "sweep": swept}


async def _store_parts(cursor: Cursor, setup: TenantSetup, plans: Sequence[LanePlan], moment: datetime) -> None:
    planned = [{"lane": plan.state.name, "part": part} for plan in plans for part in plan.state.due.parts]
    await parts_planned(cursor, setup.tenant, planned)
    wakes = [
        {"lane": plan.state.name, "part": each.part, "at": each.at}
        for plan in plans
        for each in sorted(
            plan.decided.of(WakeAt), key=lambda one: one.at, reverse=True
        )  # the earliest of a part counts
        if each.part is not None and each.at > moment
    ]
    await parts_changed(cursor, setup.tenant, wakes)


_STANDING = """select q.lane,
  exists (select from fanouts f where f.tenant_id = q.tenant_id and f.lane = q.lane) as tells,
  exists (select from pool_draws d where d.tenant_id = q.tenant_id and d.lane = q.lane and d.news) as hears,
  exists (select from pool_draws d where d.tenant_id = q.tenant_id and d.lane = q.lane and d.open)
    or exists (select from pools p where p.tenant_id = q.tenant_id and p.declared_by = q.lane) as draws
from (select %s::text as tenant_id, unnest(%s::text[]) as lane) q"""

"""The census: begins what is due and moves every open run on, one short step at a time, as the duty of one scheduler.

listing → comparing → checking → reporting → clearing → done; too many deletions stop before anything is told or changed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg_pool import AsyncConnectionPool

from tieline.engine.budgets.asking import NoTurn
from tieline.engine.budgets.budgets import Budgets
from tieline.engine.budgets.criticality import Criticality, most_at_once
from tieline.engine.duties.duty import Duty
from tieline.engine.rows import tenant_transaction
from tieline.kit.errors import Conflict, Throttled, TielineError, Unavailable
from tieline.ports.landscape import Landscape, TenantSetup
from tieline.ports.systems import Lister
from tieline.reconciliation import cadence, checking, comparing, reporting, sources, staging
from tieline.reconciliation.ahead import CALL_S, Ahead, divided
from tieline.reconciliation.pacing import in_turn
from tieline.reconciliation.runs import Overtaken, Run, begin, move, unfinished

ROUND_S = 1.5
TURN_S = 0.25  # of a round, where several runs are open: what one of them waits for comes while the others work
LOOK_EVERY_S = 5.0  # how often it is asked what is due
EVERY_S = 1.0  # how soon a run that a person or a schedule began is taken up
ATTEMPTS_MAX = 8
CLEAR_ROWS = 50_000
BY_CADENCE = "cadence"


class Census:
    """Its calls take turns in `budgets`, behind everything else; without budgets one call is under way per run."""

    def __init__(
        self, pool: AsyncConnectionPool[Any], landscape: Landscape, clock: Callable[[], datetime],
        budgets: Budgets | None = None,
    ) -> None:  # fmt: skip
        self.pool, self.landscape, self.clock, self.budgets = pool, landscape, clock, budgets
        self._looked_at = float("-inf")
        self._ahead: dict[UUID, Ahead] = {}

    async def round(self) -> int:
        """Steps done. Every step is a transaction of its own and may be repeated after a crash."""
        ends_at, steps = time.monotonic() + ROUND_S, 0
        if time.monotonic() - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = time.monotonic()
            steps += sum([await self.begin_due(setup) for setup in self.landscape.values()])
        for setup in self.landscape.values():
            runs = await self._open(setup.tenant)
            for run in runs:
                if time.monotonic() >= ends_at:
                    return steps + 1
                steps += await self.advance(setup, run, ends_at if len(runs) == 1 else time.monotonic() + TURN_S)
        return steps

    async def begin_due(self, setup: TenantSetup) -> int:
        async with self.pool.connection() as connection, tenant_transaction(connection, setup.tenant) as cursor:
            found = await cadence.due(cursor, setup, self.clock())
        for each in found:
            async with self.pool.connection() as connection, tenant_transaction(connection, setup.tenant) as cursor:
                try:
                    await begin(
                        cursor, setup.tenant, each.system, each.kind, each.mode, BY_CADENCE,
                        changed_since=each.changed_since, token=each.token,
                    )  # fmt: skip
                except Conflict:
                    continue  # somebody asked for it at the same moment
        return len(found)

    async def advance(self, setup: TenantSetup, run: Run, ends_at: float = float("inf")) -> int:
        """The next step of one run; 0 when it has to wait."""
        try:
            return await self._step(in_turn(setup, self.budgets), run, ends_at)
        except (Overtaken, NoTurn):
            return 0
        except (TielineError, TimeoutError) as error:
            await self._put_off(run, error)
            return 0

    async def _open(self, tenant: str) -> list[Run]:
        async with self.pool.connection() as connection, tenant_transaction(connection, tenant) as cursor:
            return await unfinished(cursor, tenant)

    async def _step(self, setup: TenantSetup, run: Run, ends_at: float) -> int:
        source = cadence.is_source(setup, run.system, run.kind)
        if run.state == "listing" and source:
            return await sources.read_pages(self.pool, setup, run, ends_at)
        if run.state == "listing":
            return await self._list(setup, run, ends_at)
        if run.state == "checking":
            return await self._check(setup, run, source)
        async with self.pool.connection() as connection, tenant_transaction(connection, run.tenant) as cursor:
            if run.state == "comparing":
                if run.bookmark == "" and await staging.staged(cursor, run) < run.listed:
                    await _begin_again(cursor, run, self.clock())  # the store fell over and forgot what was listed
                elif source:
                    await sources.compare_source(cursor, run)
                else:
                    await comparing.compare_window(cursor, setup, run)
            elif run.state == "reporting":
                await reporting.report(cursor, setup, run)
            elif await staging.clear(cursor, run.tenant, run.run_id, CLEAR_ROWS) == 0:
                await move(cursor, run, state="done", finished_at=self.clock())
        return 1

    async def _list(self, setup: TenantSetup, run: Run, ends_at: float) -> int:
        """Pages as they come, each stored with the position behind it, until `ends_at`; others stay under way."""
        lister, ahead, stored = self._lister(setup, run), await self._ahead_of(setup, run), 0
        while (page := await ahead.page(ends_at)) is not None:
            async with self.pool.connection() as connection:
                async with tenant_transaction(connection, run.tenant) as cursor:
                    ours = await staging.planned_documents(cursor, run, page.rows)
                rows = staging.told(lister, run, page.rows, ours)
                ahead.step = -1  # until it is stored, nobody may go on behind it
                run = await staging.store_page(connection, run, rows, **_position(ahead))
            ahead.step, stored = run.step, stored + 1
            if ahead.over:
                del self._ahead[run.run_id]
                break
        return stored or 1

    async def _ahead_of(self, setup: TenantSetup, run: Run) -> Ahead:
        """The calls that are under way for this run; new ones when somebody else has moved it, or nobody has yet."""
        known = self._ahead.pop(run.run_id, None)
        if known is not None and known.step == run.step:
            return self._ahead.setdefault(run.run_id, known)
        if known is not None:
            known.drop()
        lister = self._lister(setup, run)
        async with self.pool.connection() as connection, tenant_transaction(connection, run.tenant) as cursor:
            parts = await divided(cursor, run, lister.page_documents.get(run.kind))
        made = Ahead(lister, run.kind, run.changed_since, parts, self._at_once(setup, run.system))
        made.step = run.step
        return self._ahead.setdefault(run.run_id, made)

    def _lister(self, setup: TenantSetup, run: Run) -> Lister:
        lister = setup.systems.get(run.system)
        if not isinstance(lister, Lister) or run.kind not in lister.listed_kinds:
            raise Unavailable(f"{run.system} cannot list a {run.kind} any more.")
        return lister

    def _at_once(self, setup: TenantSetup, system: str) -> int:
        """As many pages as the budget lets listings have; without a budget one after another."""
        if self.budgets is None:
            return 1
        allowance = setup.allowances.get(system)
        return most_at_once(
            Criticality.CENSUS, allowance.limits.concurrency if allowance else setup.systems[system].concurrency
        )

    async def _check(self, setup: TenantSetup, run: Run, source: bool) -> int:
        async with self.pool.connection() as connection:
            async with tenant_transaction(connection, run.tenant) as cursor:
                batch = await checking.load_batch(cursor, run)
                waits_until = None if batch.suspects else await checking.next_look(cursor, run)
                if not batch.suspects and waits_until is None:
                    await move(cursor, run, state="reporting")
                elif waits_until is not None:
                    await move(cursor, run, not_before=waits_until)
            if not batch.suspects:
                return 1 if waits_until is None else 0
            async with asyncio.timeout(CALL_S):
                found = (
                    await sources.fetch_suspects(connection, setup, run, batch, self.clock())
                    if source
                    else await checking.look_at(setup, run, batch, self.clock())
                )
            async with tenant_transaction(connection, run.tenant) as cursor:
                await checking.store(cursor, run, found)
        return 1

    async def _put_off(self, run: Run, error: Exception) -> None:
        """Later again, less and less often; in the end the run says why it could not be done, and nothing is drift."""
        detail = error.detail if isinstance(error, TielineError) else f"{run.system} did not answer in {CALL_S:.0f} s."
        asked = error.retry_after_s if isinstance(error, Throttled) else None
        wait = timedelta(seconds=max(asked or 0.0, min(2.0**run.attempts, 300.0)))
        over = run.attempts + 1 >= ATTEMPTS_MAX
        try:
            async with self.pool.connection() as connection, tenant_transaction(connection, run.tenant) as cursor:
                await move(
                    cursor, run, state="clearing" if over else run.state, attempts=run.attempts + 1, problem=detail,
                    not_before=self.clock() + (timedelta(0) if over else wait),
                )  # fmt: skip
            if (ahead := self._ahead.get(run.run_id)) is not None and ahead.step == run.step:
                ahead.step += 1  # what else is under way was asked for nothing otherwise
        except (Overtaken, psycopg.OperationalError):
            return


def _position(ahead: Ahead) -> dict[str, Any]:
    return {"token": ahead.token, "state": "comparing" if ahead.over else "listing", "attempts": 0, "problem": None}


async def _begin_again(cursor: Any, run: Run, now: datetime) -> None:
    await move(cursor, run, state="listing", token=None, listed=0, started_at=now)


def census_duty(
    pool: AsyncConnectionPool[Any], landscape: Landscape, clock: Callable[[], datetime], budgets: Budgets
) -> Duty:
    """`pool` is the scheduler's; `budgets` those of the worker in the same process, or the scheduler's own."""
    return Duty(name="census", every_s=EVERY_S, run=Census(pool, landscape, clock, budgets).round)

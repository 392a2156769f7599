"""The census: begins what is due and moves every open run on, one short step at a time, as the duty of one scheduler.

listing → comparing → checking → reporting → clearing → done; too many deletions stop before anything is told or changed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool

from tieline.engine.duties.duty import Duty
from tieline.engine.rows import tenant_transaction
from tieline.kit.errors import Conflict, Throttled, TielineError, Unavailable
from tieline.ports.landscape import Landscape, TenantSetup
from tieline.ports.systems import Lister, Listing, ListOrder
from tieline.reconciliation import cadence, checking, comparing, reporting, sources, staging
from tieline.reconciliation.runs import Overtaken, Run, begin, move, unfinished

ROUND_S = 1.5
LOOK_EVERY_S = 5.0  # how often it is asked what is due
CALL_S = 60.0
ATTEMPTS_MAX = 8
CLEAR_ROWS = 50_000
BY_CADENCE = "cadence"


class Census:
    """One call under way per run, and a pause after every refusal: everything else at the vendor goes first."""

    def __init__(self, pool: AsyncConnectionPool[Any], landscape: Landscape, clock: Callable[[], datetime]) -> None:
        self.pool, self.landscape, self.clock = pool, landscape, clock
        self._looked_at = float("-inf")

    async def round(self) -> int:
        """Steps done. Every step is a transaction of its own and may be repeated after a crash."""
        ends_at, steps = time.monotonic() + ROUND_S, 0
        if time.monotonic() - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = time.monotonic()
            steps += sum([await self.begin_due(setup) for setup in self.landscape.values()])
        for setup in self.landscape.values():
            for run in await self._open(setup.tenant):
                if time.monotonic() >= ends_at:
                    return steps + 1
                steps += await self.advance(setup, run, ends_at)
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
            return await self._step(setup, run, ends_at)
        except Overtaken:
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
            return await self._list(setup, run)
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

    async def _list(self, setup: TenantSetup, run: Run) -> int:
        """One page of the vendor's, stored with the position behind it."""
        lister = setup.systems.get(run.system)
        if not isinstance(lister, Lister) or run.kind not in lister.listed_kinds:
            raise Unavailable(f"{run.system} cannot list a {run.kind} any more.")
        async with asyncio.timeout(CALL_S):
            page = await lister.list_documents(run.kind, ListOrder(token=run.token, changed_since=run.changed_since))
        if page.token is not None and page.token == run.token:
            raise Unavailable(f"{run.system} answers the same page of its {run.kind} again and again.")
        async with self.pool.connection() as connection:
            async with tenant_transaction(connection, run.tenant) as cursor:
                ours = await staging.planned_documents(cursor, run, page.rows)
            await staging.store_page(connection, run, staging.told(lister, run, page.rows, ours), **_position(page))
        return 1

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
        except (Overtaken, psycopg.OperationalError):
            return


def _position(page: Listing) -> dict[str, Any]:
    state = "comparing" if page.token is None else "listing"
    return {"token": page.token, "state": state, "attempts": 0, "problem": None}


async def _begin_again(cursor: Any, run: Run, now: datetime) -> None:
    await move(cursor, run, state="listing", token=None, listed=0, started_at=now)


def census_duty(pool: AsyncConnectionPool[Any], landscape: Landscape, clock: Callable[[], datetime]) -> Duty:
    """`pool` is the scheduler's."""
    return Duty(name="census", every_s=LOOK_EVERY_S, run=Census(pool, landscape, clock).round)

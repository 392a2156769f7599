"""The pump of one worker: claims what is due in its shards, keeps each system within its limits, flushes outcomes in batches."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tieline.engine.budgets.budgets import Budgets
from tieline.engine.budgets.criticality import of_nature
from tieline.engine.budgets.share import RENEW_S
from tieline.engine.budgets.sweep import Sweep
from tieline.engine.crashpoints import crash_point
from tieline.engine.leases import LeaseLost, Leases
from tieline.engine.loans import Loans
from tieline.engine.pumps.begun import Begun, GoOn, Key
from tieline.engine.pumps.bulk import batches, send_batch
from tieline.engine.pumps.calls import Outcome, look
from tieline.engine.pumps.intents import Claim, Sending, write_intents
from tieline.engine.pumps.looks import load_unknown
from tieline.engine.pumps.observe import Reading, ask_written, flush_readings, read_back
from tieline.engine.pumps.outcomes import Stored, flush_outcomes
from tieline.engine.pumps.poison import without_poison
from tieline.engine.pumps.takeover import committed_but_unsent
from tieline.engine.rows import Cursor, Row, tenant_transaction
from tieline.engine.verdict import OK, Verdict
from tieline.ports.landscape import Cipher, Landscape, TenantSetup

CLAIM_MAX = 256
READ_MAX = 100
BUSY = 16  # calls under way from which on outcomes are gathered
GATHER_S = 0.008
ABREAST_S = 0.002  # what was sent together mostly ends together: one commit for all of it
NOT_SENT = Verdict(
    state="failed",
    next="retry",
    delay_s=0.2,
    code="not_sent",
    detail="the intent was written and the call never started",
)
NOT_ASKED = replace(NOT_SENT, state="unknown")
Reserve = Callable[[Sequence[Claim]], Mapping[str, Sequence[Claim]]]


class Pump:
    """`on_change` is called after every flush, so that planners look at once."""

    def __init__(
        self,
        loans: Loans,
        leases: Leases,
        landscape: Landscape,
        cipher: Cipher,
        clock: Callable[[], datetime],
        on_change: Callable[[], None],
    ) -> None:
        self.loans, self.leases, self.landscape, self.cipher, self.clock = loans, leases, landscape, cipher, clock
        self.on_change = on_change
        self.wanted = asyncio.Event()
        self.under_way: dict[Key, int] = {}  # (tenant, replica) -> shard
        self._load: Counter[Key] = Counter()  # (tenant, system) -> calls under way or waiting
        self.budgets = Budgets(leases.worker, landscape)
        self._gathering = asyncio.Lock()
        self._abreast: Counter[datetime] = Counter()  # sends under way that were begun together
        self._sweep = Sweep()
        self._paused: dict[Key, float] = {}
        self._finished: asyncio.Queue[Outcome | Sequence[Reading] | None] = asyncio.Queue()
        self._doubtful: list[Sending] = []
        self._calls: set[asyncio.Task[None]] = set()

    # -- claiming ---------------------------------------------------------------------------------------------------

    async def claim(self) -> int:
        """One round: claim, write intents, start calls. Returns how many were claimed."""
        shards = list(self.leases.held)
        if not shards:
            return 0
        async with self.loans.connection() as connection:
            await self.budgets.refresh(connection)
            claims = await self._due(connection, shards)
            await self.budgets.refresh(connection, claims)
            claims = self.budgets.take(claims, self._load)
            await self._start_all(connection, claims)
        return len(claims)

    async def _start_all(self, connection: psycopg.AsyncConnection[Any], claims: Sequence[Claim]) -> None:
        by_tenant: dict[str, list[Claim]] = defaultdict(list)
        for claim in claims:
            by_tenant[claim["tenant_id"]].append(claim)
        for tenant, rows in by_tenant.items():
            await self._start(connection, self.landscape[tenant], rows)

    async def _due(self, connection: psycopg.AsyncConnection[Any], shards: list[int]) -> list[Claim]:
        """While there is plenty a claim looks at a part of the shards, each in its turn: it costs what it takes."""
        while True:
            part = self._sweep.part(shards)
            async with connection.cursor(row_factory=dict_row) as cursor:
                taken = [f"{tenant}/{replica_id}" for tenant, replica_id in self.under_way]
                await cursor.execute(_CLAIM, (part, CLAIM_MAX, self._busy(), taken, self.budgets.weights_json))
                claims = [row for row in await cursor.fetchall() if row["tenant_id"] in self.landscape]
            if self._sweep.seen(len(claims)):
                return claims

    def _busy(self) -> list[str]:
        """Systems that take nothing more now: down, full, or asked for a pause (O5: they slow only themselves)."""
        now = time.monotonic()
        paused = {f"{tenant}/{system}" for (tenant, system), until in self._paused.items() if until > now}
        return [*paused, *self.budgets.busy(self._load)]

    async def _start(
        self, connection: psycopg.AsyncConnection[Any], setup: TenantSetup, claims: Sequence[Claim]
    ) -> None:
        begun = Begun()
        with suppress(LeaseLost):
            async with self._beginning(setup, begun) as reserve, tenant_transaction(connection, setup.tenant) as cursor:
                await self._begin(cursor, setup, reserve(claims), begun)

    @asynccontextmanager
    async def going_on(self, setup: TenantSetup, ended: frozenset[Key] = frozenset()) -> AsyncIterator[GoOn]:
        """Around one transaction, which hands over what it makes due: with few calls under way that begins in it.

        `ended`: replicas whose call the transaction settles. What was begun is started when the block ends well.
        """
        begun = Begun(ended=ended)
        async with self._beginning(setup, begun) as reserve:

            async def go_on(cursor: Cursor, due: Sequence[Claim]) -> Sequence[Claim]:
                mine = self._at_once(due)
                if not mine or self.budgets.stale(mine) or len(self.budgets.take(mine, self._load)) < len(mine):
                    return due
                try:
                    await self._begin(cursor, setup, reserve(mine), begun)
                except LeaseLost:  # of what has become due: the transaction itself goes on
                    return due
                return [claim for claim in due if claim not in mine]

            yield go_on

    @asynccontextmanager
    async def _beginning(self, setup: TenantSetup, begun: Begun) -> AsyncIterator[Reserve]:
        """Reserves replicas until the end of the block; starts then what was begun, or remembers that it is in doubt."""
        mine: set[Key] = set()

        def reserve(claims: Sequence[Claim]) -> Mapping[str, Sequence[Claim]]:
            """By step, what nobody else of this worker has started meanwhile."""
            steps: dict[str, list[Claim]] = defaultdict(list)
            for claim in claims:
                key = (setup.tenant, claim["replica_id"])
                if claim["system"] in setup.systems and (key not in self.under_way or key in begun.ended):
                    self.under_way[key] = claim["shard"]
                    mine.add(key)
                    steps[claim["step"]].append(claim)
            return steps

        try:
            yield reserve
            await self._launch(setup, begun)
            self._forget(begun.ended - begun.started)
        except psycopg.Error:
            self._doubtful += begun.sending
            raise
        finally:
            self._forget(mine - begun.started - begun.ended)

    async def _begin(
        self, cursor: Cursor, setup: TenantSetup, steps: Mapping[str, Sequence[Claim]], begun: Begun
    ) -> None:
        """Everything that the store must know or tell before the calls. Raises LeaseLost."""
        if pushes := steps.get("push"):
            await write_intents(cursor, self.leases, setup, pushes, self.cipher, self.clock(), begun.sending)
        if looks := steps.get("look"):
            begun.looks += await load_unknown(cursor, self.leases, setup, _ids(looks), self.cipher)
        if observes := steps.get("observe"):
            begun.written = await ask_written(cursor, setup.tenant, _ids(observes))

    async def _launch(self, setup: TenantSetup, begun: Begun) -> None:
        """Start the calls, once what they rest on is committed."""
        if begun.sending:
            crash_point("after_intent_commit")
        self._abreast.update(one.intended_at for one in begun.sending)
        for batch in batches(begun.sending):
            names = [(one.replica_id, one.shard) for one in batch]
            begun.started |= self._spawn(setup, batch[0].system, names, self._send(setup, batch))
        for sending in begun.looks:
            names = [(sending.replica_id, sending.shard)]
            begun.started |= self._spawn(setup, sending.system, names, self._look(setup, sending))
        for rows in _by_kind(await begun.written.fetchall() if begun.written else ()):
            names = [(row["replica_id"], row["shard"]) for row in rows]
            begun.started |= self._spawn(setup, rows[0]["system"], names, self._read(setup, rows))

    # -- calling ----------------------------------------------------------------------------------------------------

    def _spawn(
        self, setup: TenantSetup, system: str, replicas: Sequence[tuple[str, int]], call: Coroutine[Any, Any, None]
    ) -> set[Key]:
        key = (setup.tenant, system)
        self._load[key] += 1
        for replica_id, shard in replicas:
            self.under_way[(setup.tenant, replica_id)] = shard
        task = asyncio.create_task(call)
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        task.add_done_callback(lambda _: self._load.subtract([key]))
        return {(setup.tenant, replica_id) for replica_id, _ in replicas}

    async def _send(self, setup: TenantSetup, batch: Sequence[Sending]) -> None:
        first, heard = batch[0], list[Verdict]()

        def keep(sending: Sending, outcome: Outcome | None) -> None:
            heard.extend([outcome.verdict] if outcome else [])
            self._keep(sending, outcome)

        if (turn := await self.budgets.enter((setup.tenant, first.system), of_nature(first.nature))) is None:
            for one in batch:
                keep(one, None)
            return
        try:
            await send_batch(setup.systems[first.system], self.leases, batch, keep)
        finally:
            self.budgets.leave(turn, next((each for each in heard if each.state == "ok"), heard[-1] if heard else None))

    def _keep(self, sending: Sending, outcome: Outcome | None) -> None:
        outcome = outcome or Outcome(sending=sending, verdict=NOT_SENT)  # dropped at the flush if the lease is gone
        self._pause(sending, outcome.verdict)
        self._abreast.subtract([sending.intended_at])
        self._finished.put_nowait(outcome)

    async def _look(self, setup: TenantSetup, sending: Sending) -> None:
        outcome = Outcome(sending=sending, verdict=NOT_ASKED, step="look")
        if (turn := await self.budgets.enter((setup.tenant, sending.system), of_nature(sending.nature))) is not None:
            try:
                outcome = await look(setup.systems[sending.system], sending)
            finally:
                self.budgets.leave(turn, outcome.verdict)
        self._pause(sending, outcome.verdict)
        self._finished.put_nowait(outcome)

    async def _read(self, setup: TenantSetup, rows: Sequence[Row]) -> None:
        system = rows[0]["system"]
        readings = [Reading(replica=row, failed=NOT_ASKED) for row in rows]
        if (turn := await self.budgets.enter((setup.tenant, system), of_nature(rows[0]["nature"]))) is not None:
            try:
                readings = await read_back(setup.systems[system], setup.tenant, rows)
            finally:
                self.budgets.leave(turn, readings[0].failed or OK)
        self._finished.put_nowait(readings)

    def _pause(self, sending: Sending, verdict: Verdict) -> None:
        if verdict.pause_system_s and verdict.code != "throttled":  # of that the budget knows more
            self._paused[(sending.tenant, sending.system)] = time.monotonic() + verdict.pause_system_s

    # -- finishing --------------------------------------------------------------------------------------------------

    async def finish(self) -> int:
        """Wait for at least one finished call and flush all that are finished, in one transaction per tenant.

        With many calls under way a few milliseconds of patience make one commit of many; with few, nobody waits.
        """
        async with self._gathering:
            batch = await self._gathered()
        outcomes: dict[str, list[Outcome]] = defaultdict(list)
        readings: dict[str, list[Reading]] = defaultdict(list)
        for item in batch:
            if isinstance(item, Outcome):
                outcomes[item.sending.tenant].append(item)
            elif item:
                readings[item[0].replica["tenant_id"]] += item
        stored = [await self._flush_and_go_on(tenant, some) for tenant, some in outcomes.items()]
        for tenant, seen in readings.items():
            stored.append(await self._flush(flush_readings, tenant, seen))
            self._forget({(tenant, reading.replica["replica_id"]) for reading in seen})
        if any(one.woken for one in stored):
            self.on_change()
        await self.go_on([claim for one in stored for claim in one.due])
        return len(batch)

    async def _gathered(self) -> list[Outcome | Sequence[Reading] | None]:
        batch = [await self._finished.get()]
        if len(self.under_way) >= BUSY:
            await asyncio.sleep(GATHER_S)
        elif isinstance(batch[0], Outcome) and self._abreast[batch[0].sending.intended_at] > 0:
            await asyncio.sleep(ABREAST_S)
        while not self._finished.empty():
            batch.append(self._finished.get_nowait())
        self._abreast = +self._abreast
        return batch

    async def go_on(self, due: Sequence[Claim]) -> None:
        """Start what has just become due without asking for it; under load many are claimed together instead."""
        mine = self._at_once(due)
        if len(mine) < len(due):
            self.wanted.set()
        if mine:
            async with self.loans.connection() as connection:
                await self.budgets.refresh(connection, mine)
                await self._start_all(connection, self.budgets.take(mine, self._load))

    def _at_once(self, due: Sequence[Claim]) -> list[Claim]:
        """None while much is under way, so that the queue decides on the order, or while it is not known what was sent."""
        if len(self.under_way) >= BUSY or self._doubtful or self._busy():
            return []
        return [claim for claim in due if claim["shard"] in self.leases.held]

    async def _flush_and_go_on(self, tenant: str, outcomes: Sequence[Outcome]) -> Stored:
        """One commit a step: the intents of what becomes due travel with the outcomes. When that fails, outcomes alone."""
        setup = self.landscape[tenant]
        ended = frozenset((tenant, outcome.sending.replica_id) for outcome in outcomes)
        try:
            async with self.loans.connection() as connection, self.going_on(setup, ended) as go_on:
                stored = await flush_outcomes(connection, self.leases, setup, outcomes, self.clock(), go_on)
        except (LeaseLost, psycopg.Error):
            stored = await self._flush(flush_outcomes, tenant, outcomes)
            self._forget(ended)
        return stored

    async def _flush(
        self, flush: Callable[..., Coroutine[Any, Any, Stored]], tenant: str, items: Sequence[Any]
    ) -> Stored:
        """Store results; while the store is away they are kept and tried again: an answer once heard is not lost.

        What one result meets, a lost shard or a value that cannot be stored, stays its own affair (F50).
        """
        while True:
            try:
                async with self.loans.connection() as connection:
                    return await flush(connection, self.leases, self.landscape[tenant], items, self.clock())
            except (LeaseLost, psycopg.DataError) as error:
                if len(items) > 1:
                    one = await self._flush(flush, tenant, items[: len(items) // 2])
                    other = await self._flush(flush, tenant, items[len(items) // 2 :])
                    return Stored(due=[*one.due, *other.due], woken=one.woken or other.woken)
                if isinstance(error, LeaseLost) or (storable := without_poison(items[0])) is None:
                    return Stored()
                items = [storable]
            except (psycopg.OperationalError, psycopg.errors.DeadlockDetected):
                await asyncio.sleep(0.2)

    def _forget(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self.under_way.pop(key, None)

    async def settle_doubtful(self) -> None:
        """After a lost COMMIT (F33): what is in the store but was never sent goes back to pending."""
        for tenant in {s.tenant for s in self._doubtful}:
            mine = [s for s in self._doubtful if s.tenant == tenant]
            async with self.loans.connection() as connection, tenant_transaction(connection, tenant) as cursor:
                there = await committed_but_unsent(cursor, tenant, mine)
            self._doubtful = [s for s in self._doubtful if s not in mine]  # only now: the store may still be away
            if there:
                await self._flush(flush_outcomes, tenant, [Outcome(sending=s, verdict=NOT_SENT) for s in there])

    async def settled(self) -> None:
        """Until nothing is under way, while somebody else calls `finish`."""
        self.budgets.close()
        while self.under_way:  # noqa: ASYNC110  looked at once, at the very end
            await asyncio.sleep(0.01)

    async def drain(self) -> None:
        """Let calls under way end and be flushed, for an ordered end."""
        while self._calls or not self._finished.empty():
            if self._finished.empty():
                await asyncio.wait(self._calls, timeout=RENEW_S, return_when=asyncio.FIRST_COMPLETED)
                async with self.loans.connection() as connection:
                    await self.budgets.refresh(connection)
            else:
                await self.finish()


_CLAIM = "select * from claim_due(%s::smallint[], %s, %s::text[], %s::text[], %s::jsonb)"


def _ids(claims: Sequence[Claim]) -> list[str]:
    return [claim["replica_id"] for claim in claims]


def _by_kind(rows: Sequence[Row]) -> list[list[Row]]:
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[(row["system"], row["kind"])].append(row)
    return [group[n : n + READ_MAX] for group in groups.values() for n in range(0, len(group), READ_MAX)]

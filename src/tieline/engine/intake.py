"""From accepted inputs to records: fetch what is thin, map, check ownership, apply. What cannot be applied becomes a hold."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import PoolTimeout

from tieline.engine.crashpoints import crash_point
from tieline.engine.holds import NewHold, lift_subjects, raise_holds
from tieline.engine.leases import LeaseLost, Leases, fence_sent
from tieline.engine.loans import Loans
from tieline.engine.planning.parts import part_in
from tieline.engine.records import Applied, Arrival, apply_changes
from tieline.engine.rows import Cursor, Row, tenant_transaction, write
from tieline.engine.verdict import backoff
from tieline.kit.canonical import decode
from tieline.kit.errors import Blocked, CredentialInvalid, Rejected, Throttled, TielineError, Transient, Unknown
from tieline.ports.landscape import Landscape, TenantSetup
from tieline.ports.systems import Change, SourceItem

CLAIM_MAX = 200
UNDER_WAY_MAX = 1000
GONE_ATTEMPTS = 6  # an event may precede what it speaks of (F24): ask again before anybody is told
QUIET_ATTEMPTS = 5


@dataclass(slots=True)
class Step:
    """One input on its way. Exactly one of: `changes`, `later` (ask again), `refused` (code and sentence)."""

    row: Row
    item: SourceItem | None = None
    changes: Sequence[Change] = ()
    later: float | None = None
    refused: tuple[str, str] | None = None
    faults: list[dict[str, str]] = field(default_factory=list)
    tell: tuple[str, str] | None = None


class Intake:
    """Claims inputs of this worker's shards. `on_change` is called after every commit."""

    def __init__(
        self,
        loans: Loans,
        leases: Leases,
        landscape: Landscape,
        clock: Callable[[], datetime],
        on_change: Callable[[], None],
    ) -> None:
        self.loans, self.leases, self.landscape, self.clock, self.on_change = loans, leases, landscape, clock, on_change
        self._under_way: dict[UUID, int] = {}  # input -> shard
        self._batches: set[asyncio.Task[None]] = set()

    async def round(self) -> int:
        """Claim what is due and start a batch per source, so that a slow source delays only itself (O5)."""
        if len(self._under_way) >= UNDER_WAY_MAX:
            return 0
        claims = await self._claims()
        by_source: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for claim in claims:
            by_source[(claim["tenant_id"], claim["system"])].append(claim)
        for (tenant, system), some in by_source.items():
            self._under_way.update({claim["input_id"]: claim["shard"] for claim in some})
            batch = asyncio.create_task(self._batch(self.landscape[tenant], system, some))
            self._batches.add(batch)
            batch.add_done_callback(self._batches.discard)
        return len(claims)

    def shards_under_way(self) -> set[int]:
        return set(self._under_way.values())

    async def drain(self) -> None:
        """Let the batches under way end, for an ordered end."""
        if self._batches:
            await asyncio.wait(self._batches)

    async def _batch(self, setup: TenantSetup, system: str, claims: Sequence[Row]) -> None:
        """A batch that the store cannot take now stays in the queue and is claimed again."""
        with contextlib.suppress(psycopg.OperationalError, PoolTimeout):
            await self._handle(setup, system, claims)
        for claim in claims:
            self._under_way.pop(claim["input_id"], None)

    async def _claims(self) -> list[Row]:
        shards = list(self.leases.held)
        if not shards:
            return []
        async with self.loans.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(
                "select * from claim_intake(%s::smallint[], %s, %s::uuid[])",
                (shards, CLAIM_MAX, list(self._under_way)),
            )
            return [row for row in await cursor.fetchall() if row["tenant_id"] in self.landscape]

    async def _handle(self, setup: TenantSetup, system: str, claims: Sequence[Row]) -> None:
        async with self.loans.connection() as connection, tenant_transaction(connection, setup.tenant) as cursor:
            await cursor.execute(_LOAD, (setup.tenant, [claim["input_id"] for claim in claims]))
            steps = [Step(row=row) for row in await cursor.fetchall()]
        await _fetch_thin(setup, system, steps)
        for step in steps:
            if step.item is not None:
                _map(setup, system, step)
        await self._store(setup, steps)
        self.on_change()

    async def _store(self, setup: TenantSetup, steps: Sequence[Step]) -> None:
        """One transaction; a batch that the store refuses is halved until the poison input stands alone (F50)."""
        try:
            async with self.loans.connection() as connection, tenant_transaction(connection, setup.tenant) as cursor:
                fenced = await fence_sent(cursor, self.leases, {step.row["shard"] for step in steps})
                await _finish(cursor, setup, steps, self.clock())
                await fenced.check()
                crash_point("before_apply_commit")
            crash_point("after_apply_commit")
        except LeaseLost:
            return
        except psycopg.DataError as error:
            if len(steps) > 1:
                await self._store(setup, steps[: len(steps) // 2])
                await self._store(setup, steps[len(steps) // 2 :])
                return
            steps[0].changes, steps[0].refused = (
                (),
                ("UNSTORABLE", f"holds a value that cannot be stored ({type(error).__name__})"),
            )
            await self._store(setup, steps)


async def _fetch_thin(setup: TenantSetup, system: str, steps: Sequence[Step]) -> None:
    """Complete documents are taken as they came; thin notifications are fetched, many in one call."""
    thin: dict[str, list[Step]] = defaultdict(list)
    for step in steps:
        if step.row["body"] is None:
            thin[step.row["topic"]].append(step)
        else:
            _decode(step)
    for topic, some in thin.items():
        try:
            items = await setup.sources[system].fetch(topic, [step.row["source_id"] for step in some])
        except Exception as error:  # judged like any read: nothing happened, ask again
            for step in some:
                _ask_again(step, error)
            continue
        for step, item in zip(some, items, strict=True):
            step.item = item
            if item is None:
                _gone(step)


def _decode(step: Step) -> None:
    row = step.row
    try:
        body = decode(bytes(row["body"]))
    except ValueError:
        step.refused = ("MALFORMED", "is not readable JSON")
        return
    version = row["source_version"] or row["received_at"].isoformat()
    step.item = SourceItem(topic=row["topic"], source_id=row["source_id"], source_version=version, body=body)


def _ask_again(step: Step, error: Exception) -> None:
    attempts = step.row["attempts"]
    wait = (
        error.retry_after_s if isinstance(error, Throttled) and error.retry_after_s is not None else backoff(attempts)
    )
    step.later = min(wait, 300.0) * random.uniform(1.0, 1.25)
    quiet = isinstance(error, Transient | Unknown) and attempts < QUIET_ATTEMPTS
    if not quiet:
        code = error.code if isinstance(error, TielineError) else "defect"
        detail = (
            error.detail if isinstance(error, TielineError) else f"an unforeseen {type(error).__name__} while fetching"
        )
        step.tell = (code, detail)
    if isinstance(error, CredentialInvalid):
        step.later = 30.0


def _gone(step: Step) -> None:
    if step.row["attempts"] < GONE_ATTEMPTS:
        step.later = backoff(step.row["attempts"])
    else:
        step.refused = ("SOURCE_GONE", "was announced but is not there any more")


def _map(setup: TenantSetup, system: str, step: Step) -> None:
    """Vendor words to canonical changes; an unknown value or a foreign owner is refused, never guessed."""
    assert step.item is not None
    try:
        changes = setup.sources[system].changes(step.item)
    except (Blocked, Rejected) as error:
        step.refused = (error.code, error.detail)
        step.faults = [{"path": fault.path, "message": fault.message} for fault in error.faults]
        return
    except Exception as error:  # a mapping is code of ours: the input is kept and shown
        step.refused = ("MAPPING_DEFECT", f"could not be understood (a defect of ours: {type(error).__name__})")
        return
    reasons = [reason for change in changes if (reason := setup.refuse(system, change)) is not None]
    if reasons:
        step.refused = ("NOT_THE_OWNER", reasons[0])
    else:
        step.changes = changes


async def _finish(cursor: Cursor, setup: TenantSetup, steps: Sequence[Step], now: datetime) -> None:
    arrivals = [_arrival(step, change) for step in steps for change in step.changes]
    applied = await apply_changes(cursor, setup.tenant, arrivals, setup.describe, now, part_in(setup))
    ended = [step for step in steps if step.later is None]
    await write(cursor, _END, [_end(setup, step, applied) for step in ended], setup.tenant)
    later = [
        {"input_id": s.row["input_id"], "due_at": now + timedelta(seconds=s.later or 0)}
        for s in steps
        if s.later is not None
    ]
    await write(cursor, _LATER, later, setup.tenant)
    holds = [_hold(setup, step, *told) for step in steps if (told := step.refused or step.tell) is not None]
    await raise_holds(cursor, setup.tenant, holds)
    healed = [_subject(step.row) for step in ended if step.refused is None]
    await lift_subjects(cursor, setup.tenant, "intake", healed)


def _arrival(step: Step, change: Change) -> Arrival:
    row = step.row
    return Arrival(
        change=change, system=row["system"], input_id=row["input_id"], correlation_id=row["correlation_id"],
        actor=row["principal"] or row["system"],
    )  # fmt: skip


def _end(setup: TenantSetup, step: Step, applied: Applied) -> dict[str, Any]:
    input_id = step.row["input_id"]
    status, reason, owner = "applied", None if input_id in applied.changed else "nothing new", None
    if step.refused is not None:
        status, reason, owner = "rejected", step.refused[0], setup.advise(step.refused[0]).owner
    elif input_id in applied.stale and input_id not in applied.changed:
        status, reason = "superseded", "a newer version was applied before"
    return {
        "input_id": input_id, "received_at": step.row["received_at"], "status": status, "reason": reason, "owner": owner,
        "lane": applied.lanes.get(input_id) or _subject(step.row),
        "source_version": step.item.source_version if step.item else None,
    }  # fmt: skip


def _subject(row: Row) -> str:
    return f"source:{row['system']}/{row['source_id']}"


def _hold(setup: TenantSetup, step: Step, code: str, sentence: str) -> NewHold:
    row, advice, code = step.row, setup.advise(code), code.upper()
    return NewHold(
        lane=_subject(row), source="intake", code=code, subject=_subject(row), owner=advice.owner,
        sentence=f"{row['topic']} {row['source_id']} from {row['system']}: {sentence}", way_out=advice.way_out,
        evidence={"faults": step.faults} if step.faults else None, case_key=f"{code}/{row['system']}",
        input_id=row["input_id"], correlation_id=row["correlation_id"],
    )  # fmt: skip


_LOAD = """select i.*, q.attempts from intake q
join inputs i on i.tenant_id = q.tenant_id and i.received_at = q.received_at and i.input_id = q.input_id
where q.tenant_id = %s and q.input_id = any(%s) and i.status = 'accepted' order by i.received_at, i.input_id"""
_END = """with rows as (
  select %s::text as tenant_id, r.* from jsonb_to_recordset(%s::jsonb) as r(input_id uuid, received_at timestamptz,
    status text, reason text, owner text, lane text, source_version text)),
gone as (delete from intake q using rows where q.tenant_id = rows.tenant_id and q.input_id = rows.input_id)
update inputs i set status = rows.status, reason = rows.reason, owner = rows.owner, lane = rows.lane, settled_at = now(),
  source_version = coalesce(rows.source_version, i.source_version)
from rows where i.tenant_id = rows.tenant_id and i.received_at = rows.received_at and i.input_id = rows.input_id"""
_LATER = """update intake q set due_at = r.due_at, attempts = q.attempts + 1
from (select %s::text as tenant_id, x.* from jsonb_to_recordset(%s::jsonb) as x(input_id uuid, due_at timestamptz)) r
where q.tenant_id = r.tenant_id and q.input_id = r.input_id"""

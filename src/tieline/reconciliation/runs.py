"""The row of a census run: begun once per system and kind, moved on step by step under a fence, kept as evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString
from uuid import UUID

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from tieline.engine.duties.duty import fence
from tieline.engine.rows import Cursor, Row
from tieline.kit.errors import Conflict
from tieline.kit.ids import uuid7

Mode = Literal["full", "changed"]
UNFINISHED = ("listing", "comparing", "checking", "reporting", "clearing")


class Overtaken(Exception):
    """Somebody else moved this run on: what was done meanwhile is dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    tenant: str
    run_id: UUID
    system: str
    kind: str
    mode: Mode
    state: str
    started_at: datetime
    changed_since: datetime | None
    step: int
    token: str | None
    listed: int
    bookmark: str
    compared: int
    moving: int
    confirmed: int
    attempts: int
    allowed_by: str | None

    @property
    def prefix(self) -> str:
        """How the ids of this population's replicas begin."""
        return f"{self.system}/{self.kind}/"


def run_of(row: Row) -> Run:
    names = Run.__dataclass_fields__
    return Run(tenant=row["tenant_id"], **{name: row[name] for name in names if name != "tenant"})


async def begin(
    cursor: Cursor,
    tenant: str,
    system: str,
    kind: str,
    mode: Mode,
    asked_by: str,
    *,
    changed_since: datetime | None = None,
    token: str | None = None,
) -> UUID:
    """A new run; one that had stopped to ask is over. Raises Conflict while another run of that population goes on."""
    run_id = uuid7()
    values = {
        "tenant": tenant, "run": run_id, "system": system, "kind": kind, "mode": mode, "by": asked_by,
        "since": changed_since, "token": token,
    }  # fmt: skip
    try:
        await cursor.execute(_SUPERSEDE, values)
        await cursor.execute(_BEGIN, values)
        await cursor.fetchone()
    except UniqueViolation:
        raise Conflict(
            f"A census of {kind} in {system} is under way: wait for its end.", code="census_running"
        ) from None
    return run_id


async def unfinished(cursor: Cursor, tenant: str) -> list[Run]:
    """Runs that may go on now, the oldest first."""
    await cursor.execute(_UNFINISHED, (tenant, list(UNFINISHED)))
    return [run_of(row) for row in await cursor.fetchall()]


async def move(cursor: Cursor, run: Run, **changes: Any) -> None:
    """Store the next position of `run` in the caller's transaction. Raises Overtaken, or DutyLost for a lost lease."""
    await fence(cursor)
    await cursor.execute(
        _MOVE, {"tenant": run.tenant, "run": run.run_id, "step": run.step, "to": Jsonb(_plain(changes))}
    )
    if await cursor.fetchone() is None:
        raise Overtaken(str(run.run_id))


def _plain(changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in changes.items()}


_SUPERSEDE: LiteralString = """update census_runs set state = 'superseded', finished_at = now()
where tenant_id = %(tenant)s and system = %(system)s and kind = %(kind)s and state = 'stopped'"""
_BEGIN: LiteralString = """insert into census_runs (tenant_id, run_id, system, kind, mode, asked_by, state, changed_since, token)
values (%(tenant)s, %(run)s, %(system)s, %(kind)s, %(mode)s, %(by)s, 'listing', %(since)s, %(token)s) returning run_id"""
_UNFINISHED: LiteralString = """select * from census_runs where tenant_id = %s and state = any(%s) and not_before <= now()
order by not_before, started_at"""
_MOVE: LiteralString = """with old as (
  select c as record from census_runs c where tenant_id = %(tenant)s and run_id = %(run)s and step = %(step)s for update)
update census_runs c set step = c.step + 1, state = n.state, token = n.token, listed = n.listed,
  bookmark = n.bookmark, compared = n.compared, moving = n.moving, confirmed = n.confirmed, attempts = n.attempts,
  not_before = n.not_before, problem = n.problem, finished_at = n.finished_at, started_at = n.started_at
from old, jsonb_populate_record(old.record, %(to)s::jsonb) as n
where c.tenant_id = n.tenant_id and c.run_id = n.run_id returning c.run_id"""

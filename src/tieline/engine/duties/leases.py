"""Which duties this scheduler has. A beat renews what is held, telling how rounds went, and takes what is free."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg import AsyncConnection

from tieline.engine.duties.duty import Duty, Term
from tieline.engine.rows import as_json


@dataclass(slots=True)
class Told:
    """How a duty's rounds went since the last beat. `ok_at` and `failed_at` are monotonic."""

    ok_at: float | None = None
    failed_at: float | None = None
    error: str | None = None


@dataclass(slots=True)
class DutyLeases:
    """`held` is what the store said last: a term whose deadline has passed is nobody's until the next beat."""

    owner: str
    lease_s: float = 3.0
    held: dict[str, Term] = field(default_factory=dict)

    async def enrol(self, connection: AsyncConnection[Any], duties: Sequence[Duty]) -> None:
        """Make the duties known. A row of a duty that only another version knows stays as it is."""
        rows = [{"duty": duty.name, "every_s": duty.every_s} for duty in duties]
        await connection.execute(_ENROL, (as_json(rows),))

    async def beat(self, connection: AsyncConnection[Any], duties: Sequence[Duty], told: Mapping[str, Told]) -> None:
        """Raises psycopg.OperationalError when the store cannot be reached; what is held then runs out by itself.

        A row that somebody has locked is passed over and looked at again a third of a lease later.
        """
        asked_at = time.monotonic()
        rows = [_row(duty.name, told.get(duty.name, Told()), asked_at) for duty in duties]
        values = {"rows": as_json(rows), "owner": self.owner, "lease_s": self.lease_s}
        renewed = await (await connection.execute(_RENEW, values)).fetchall()
        self._hold(renewed, asked_at)
        kept = [name for name, _ in renewed]
        free = [duty.name for duty in duties if duty.name not in kept]
        if free:
            asked_at = time.monotonic()
            taken = await connection.execute(_TAKE, {"names": free, "owner": self.owner, "lease_s": self.lease_s})
            self._hold(await taken.fetchall(), asked_at)
        self.held = {name: term for name, term in self.held.items() if term.ours}

    def _hold(self, rows: Sequence[tuple[str, int]], asked_at: float) -> None:
        for name, epoch in rows:
            known = self.held.get(name)
            if known is not None and known.epoch == epoch:
                known.deadline = asked_at + self.lease_s
                continue
            if known is not None:
                known.deadline = 0.0  # thought dead and back under a new epoch: what the old one began is over
            self.held[name] = Term(name, epoch, self.owner, asked_at + self.lease_s)

    async def leave(self, connection: AsyncConnection[Any]) -> None:
        """Give everything back at an ordered end, so that nobody has to wait for the lease."""
        for term in self.held.values():
            term.deadline = 0.0
        self.held.clear()
        await connection.execute("update duties set owner = null, lease_until = null where owner = %s", (self.owner,))


def _row(name: str, told: Told, at: float) -> dict[str, Any]:
    ok_age_s = None if told.ok_at is None else at - told.ok_at
    failed_age_s = None if told.failed_at is None else at - told.failed_at
    return {"duty": name, "ok_age_s": ok_age_s, "failed_age_s": failed_age_s, "error": told.error}


_ENROL = """with known as (
  insert into duties (duty, every_s)
  select r.* from jsonb_to_recordset(%s::jsonb) as r(duty text, every_s numeric) order by r.duty
  on conflict (duty) do update set every_s = excluded.every_s returning duty)
insert into duty_epochs (duty) select duty from known order by duty on conflict do nothing"""
_RENEW = """with told as (
  select * from jsonb_to_recordset(%(rows)s::jsonb)
    as r(duty text, ok_age_s double precision, failed_age_s double precision, error text)),
mine as (
  select d.duty from duties d join told using (duty)
  where d.owner = %(owner)s and d.lease_until > clock_timestamp() order by d.duty for update of d skip locked)
update duties d set lease_until = clock_timestamp() + make_interval(secs => %(lease_s)s),
  last_ok_at = greatest(d.last_ok_at, clock_timestamp() - make_interval(secs => told.ok_age_s)),
  last_error = coalesce(told.error, d.last_error),
  last_error_at = greatest(d.last_error_at, clock_timestamp() - make_interval(secs => told.failed_age_s))
from told where d.duty = told.duty and d.duty in (select duty from mine)
returning d.duty, d.epoch"""
# The store's clock decides what is free. A fenced transaction under way keeps the epoch's row, and thereby the duty; who
# had the duty before and comes back has it under a new epoch, itself included.
_TAKE = """with free as (
  select d.duty from duties d join duty_epochs e using (duty)
  where d.duty = any(%(names)s) and (d.owner is null or d.owner = %(owner)s or d.lease_until <= clock_timestamp())
  order by d.duty for update skip locked),
begun as (
  update duty_epochs e set epoch = e.epoch + 1 from free where e.duty = free.duty returning e.duty, e.epoch)
update duties d set owner = %(owner)s, epoch = begun.epoch,
  lease_until = clock_timestamp() + make_interval(secs => %(lease_s)s)
from begun where d.duty = begun.duty returning d.duty, d.epoch"""

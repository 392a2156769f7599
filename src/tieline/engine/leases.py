"""Who works on which shard. A worker that lost its lease changes nothing (D5).

Every database write checks the shard's epoch under a share lock, and a send starts only before `deadline`, which lies
inside the lease measured from *before* the renewal was asked for.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from psycopg import AsyncConnection

from tieline.engine.crashpoints import crash_point
from tieline.engine.rows import Cursor, ask
from tieline.engine.shards import SHARDS


class LeaseLost(Exception):
    """Another worker holds the shard now: drop the work, it is the successor's."""


@dataclass(slots=True)
class Leases:
    worker: str
    lease_s: float = 3.0
    held: dict[int, int] = field(default_factory=dict)  # shard -> epoch
    deadline: float = 0.0  # monotonic

    def may_send(self, shard: int, epoch: int) -> bool:
        return self.held.get(shard) == epoch and time.monotonic() < self.deadline

    async def beat(self, connection: AsyncConnection[Any], host: str, keep: frozenset[int]) -> list[int]:
        """Renew, take what is free up to a fair share, give back what is too much (never a shard in `keep`).

        Returns the shards that were taken now. Raises psycopg.OperationalError when the store cannot be reached.
        """
        asked_at = time.monotonic()
        async with connection.transaction():
            await connection.execute(_ONE_BY_ONE)
            renewed = await connection.execute(_RENEW, (self.lease_s, self.worker))
            if renewed.rowcount == 0:
                self.held.clear()
                await connection.execute(_ENTER, (self.worker, host, self.lease_s))
            share = await self._fair_share(connection)
            spare = [s for s in sorted(self.held) if s not in keep][: max(0, len(self.held) - share)]
            if spare:
                await connection.execute(_GIVE, (spare, self.worker))
            held = [s for s in self.held if s not in spare]
            taken = await connection.execute(_TAKE, (self.worker, held, max(0, share - len(held)), self.worker))
            rows = await taken.fetchall()
        for shard in spare:
            self.held.pop(shard, None)
        self.held.update(dict(rows))
        self.deadline = asked_at + self.lease_s
        if rows:
            crash_point("after_lease_claim")
        return [shard for shard, _ in rows]

    async def leave(self, connection: AsyncConnection[Any]) -> None:
        """Give everything back at an ordered end, so that nobody has to wait for the lease."""
        self.deadline = 0.0
        async with connection.transaction():
            await connection.execute("update shards set owner = null where owner = %s", (self.worker,))
            await connection.execute("delete from workers where worker_id = %s", (self.worker,))
        self.held.clear()

    async def _fair_share(self, connection: AsyncConnection[Any]) -> int:
        row = await (
            await connection.execute("select count(*) from workers where lease_until > clock_timestamp()")
        ).fetchone()
        alive = max(1, row[0] if row else 1)
        return -(-SHARDS // alive)


async def fence(cursor: Cursor, leases: Leases, shards: Iterable[int]) -> None:
    """Hold the epochs of `shards` until the transaction ends. Raises LeaseLost when one is no longer ours."""
    await (await fence_sent(cursor, leases, shards)).check()


@dataclass(frozen=True, slots=True)
class FenceSent:
    """A fence whose answer has not been looked at: `check` before anything is believed, at the latest before the commit."""

    answer: Cursor
    mine: dict[int, int]
    worker: str

    async def check(self) -> None:
        seen = {row["shard"]: row["epoch"] for row in await self.answer.fetchall()}
        if seen != self.mine:
            raise LeaseLost(f"worker {self.worker} lost {sorted(set(self.mine) - set(seen))}")


async def fence_sent(cursor: Cursor, leases: Leases, shards: Iterable[int]) -> FenceSent:
    """`fence` in two steps, so that it travels with the question that follows it."""
    mine = {shard: leases.held.get(shard, -1) for shard in shards}
    return FenceSent(await ask(cursor, _FENCE, (sorted(mine), leases.worker)), mine, leases.worker)


# Two workers that enter at the same instant would not see each other and each think the other dead.
_ONE_BY_ONE = "select pg_advisory_xact_lock(727401)"
_RENEW = """update workers set lease_until = clock_timestamp() + make_interval(secs => %s)
where worker_id = %s and lease_until > clock_timestamp()"""
_ENTER = """insert into workers (worker_id, role, host, lease_until)
values (%s, 'worker', %s, clock_timestamp() + make_interval(secs => %s))
on conflict (worker_id) do update set lease_until = excluded.lease_until"""
_GIVE = "update shards set owner = null where shard = any(%s) and owner = %s"
_TAKE = """with free as (
  select shard from shards s where owner is null
    or (owner = %s and not shard = any(%s::smallint[]))  -- ours before we were thought dead: only with a new epoch
    or not exists (select 1 from workers w where w.worker_id = s.owner and w.lease_until > clock_timestamp())
  order by shard limit %s for update skip locked)
update shards set owner = %s, epoch = epoch + 1 from free where shards.shard = free.shard returning shards.shard, epoch"""
_FENCE = "select shard, epoch from shards where shard = any(%s) and owner = %s order by shard for share"

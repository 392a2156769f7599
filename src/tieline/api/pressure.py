"""Back-pressure: say "later" while there is room to say it, instead of collapsing (V4).

What waits is measured from the store's own statistics, at most once a second and only while requests come. The limit follows
what is worked off: a minute of it, so that whoever is let in does not wait for long. What people order is let in until the
disk is nearly full; what systems tell us again by themselves is refused first.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg
import psycopg_pool
import structlog

from tieline.api.services import Pool
from tieline.kit.errors import Unavailable

WAIT_S_MAX = 60.0  # the backlog may be what is drained in this time …
BACKLOG_MIN = 20_000  # … and at least this, so that a burst after a quiet night is taken
MEASURED_S, STALE_S = 1.0, 10.0
DISK_FREE_MIN, DISK_FREE_CRITICAL = 1 << 30, 256 << 20  # PostgreSQL needs room to tidy up when it is full
_log = structlog.get_logger("tieline.edge")
_AWAY = (psycopg.Error, psycopg_pool.PoolTimeout, TimeoutError, OSError)


class Overloaded(Unavailable):
    """Certainly nothing was stored. `retry_after_s` differs from sender to sender, so that they do not come back at once."""

    def __init__(self, detail: str, retry_after_s: float) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s * random.uniform(1.0, 1.5)


@dataclass(slots=True)
class Pressure:
    """`free_bytes` is of the disk that holds the embedded store, None when the store is somewhere else."""

    pool: Pool
    free_bytes: Callable[[], int | None] = lambda: None
    waiting: int = 0
    drained_per_s: float = 0.0
    free: int | None = None
    refused: int = 0  # since everything was taken last
    _deleted: int = 0
    _measured_at: float = 0.0
    _measuring: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def limit(self) -> int:
        return max(BACKLOG_MIN, round(self.drained_per_s * WAIT_S_MAX))

    def admit(self, *, critical: bool) -> None:
        """Raises Overloaded. Never waits: what it knows is a second old at most, or it knows nothing and lets in."""
        now = time.monotonic()
        if now - self._measured_at >= MEASURED_S and (self._measuring is None or self._measuring.done()):
            self._measuring = asyncio.create_task(self._measure())
        if self.free is not None and self.free < (DISK_FREE_CRITICAL if critical else DISK_FREE_MIN):
            raise Overloaded(
                "The disk of the hub is nearly full; nothing is taken until its operator has made room.", 30
            )
        if critical or now - self._measured_at > STALE_S or self.waiting <= self.limit:
            return
        wait_s = (self.waiting - self.limit) / max(self.drained_per_s, 1.0)
        self._tell_refusal()
        raise Overloaded(
            "More has been taken than is worked off in a minute; please repeat later.", min(wait_s + 1, 60)
        )

    def _tell_refusal(self) -> None:
        """Once for all that are refused in a row."""
        if not self.refused:
            _log.warning(
                "edge_refuses", waiting=self.waiting, limit=self.limit, drained_per_s=round(self.drained_per_s)
            )
        self.refused += 1

    async def _measure(self) -> None:
        self.free = self.free_bytes()
        try:
            async with asyncio.timeout(MEASURED_S * 2), self.pool.connection(timeout=MEASURED_S) as connection:
                row = await (await connection.execute(_BACKLOG)).fetchone()
        except _AWAY:
            return  # then nothing is stored either: the batcher says so
        now, (waiting, deleted) = time.monotonic(), row or (0, 0)
        self.note(waiting, deleted, now)

    def note(self, waiting: int, deleted: int, now: float) -> None:
        """One measurement: how much waits, and how much was ever worked off."""
        passed = now - self._measured_at
        if 0 < passed <= STALE_S and deleted >= self._deleted:
            rate = (deleted - self._deleted) / passed
            self.drained_per_s += (rate - self.drained_per_s) * 0.3
        self.waiting, self._deleted, self._measured_at = waiting, deleted, now
        if self.refused and waiting <= self.limit:
            _log.info("edge_takes_again", refused=self.refused, waiting=waiting)
            self.refused = 0


# Kept by the server as rows come and go; counting the queue would cost the more the longer it is.
_BACKLOG = """select greatest(n_live_tup, 0), n_tup_del from pg_stat_user_tables where relname = 'intake'
  and schemaname = 'public'"""

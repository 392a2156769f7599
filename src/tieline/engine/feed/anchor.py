"""Vouches for the heads outside of the database: at the latest after a minute or a thousand events, one signed root.

Before a tenant's first events are sealed by this process, the outside record is asked how far it ever saw that tenant. A
store that knows less, or something else, was restored to an earlier point: giving positions again that others have already
seen would fork the history, so sealing stops there until a person says so with `tieline audit new-epoch`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from tieline.engine.crashpoints import crash_point
from tieline.engine.feed.merkle import Head
from tieline.engine.feed.outside import Seen, latest_heads, tells_the_same
from tieline.engine.feed.signed import root_line
from tieline.engine.rows import Row, tenant_transaction
from tieline.ports.audit import Keys, Signer, Sink

RECORDS_MAX = 1000
UNSIGNED_S_MAX = 45.0  # a minute is promised; the rest is for a slow disk
LOOK_EVERY_S = 1.0
REFUSED_S = 5.0
log = structlog.get_logger("tieline.feed")


@dataclass(slots=True)
class Anchor:
    sink: Sink
    signer: Signer
    keys: Keys
    clock: Callable[[], datetime]
    _seen: Seen | None = None
    _trusted: set[str] = field(default_factory=set)
    _refused: dict[str, float] = field(default_factory=dict)
    _since: int = 0  # events sealed since the last look
    _looked_at: float = 0.0

    def forget(self) -> None:
        """Nothing that was checked before counts any more."""
        self._seen = None
        self._trusted.clear()
        self._refused.clear()

    async def continues(self, connection: AsyncConnection[Any], tenant: str) -> bool:
        """Whether the store still holds what was vouched for; asked once, and again every few seconds after a no."""
        if tenant in self._trusted:
            return True
        if self._refused.get(tenant, 0.0) > time.monotonic():
            return False
        if self._seen is None:
            self._seen = await asyncio.to_thread(latest_heads, self.sink, self.keys)
        if await tells_the_same(connection, tenant, self._seen.get(tenant)):
            self._trusted.add(tenant)
            return True
        self._refused[tenant] = time.monotonic() + REFUSED_S
        self._seen = None
        log.error("restored_store_needs_new_epoch", tenant=tenant, way_out=f"tieline audit new-epoch {tenant}")
        return False

    async def round(self, connection: AsyncConnection[Any], sealed: int) -> None:
        """Sign what has moved, when it is due. A record that cannot be kept is reported and tried again."""
        self._since += sealed
        now = time.monotonic()
        if self._since < RECORDS_MAX and now < self._looked_at + LOOK_EVERY_S:
            return
        self._since, self._looked_at = 0, now
        if any(_due(row) for row in await _unsigned(connection)):
            try:
                await self.sign_now(connection)
            except OSError as error:
                log.error("outside_record_not_kept", error=type(error).__name__)

    async def sign_now(self, connection: AsyncConnection[Any]) -> int:
        """Vouch for everything that moved, due or not; answers how many heads. Never for a store that was put back."""
        rows = await _unsigned(connection)
        rows = [row for row in rows if await self.continues(connection, row["tenant_id"])]
        await self.sign(connection, rows)
        return len(rows)

    async def sign(self, connection: AsyncConnection[Any], rows: Sequence[Row]) -> None:
        if not rows:
            return
        heads = [
            Head(tenant=row["tenant_id"], epoch=row["epoch"], position=row["position"], hash=bytes(row["hash"]))
            for row in rows
        ]
        at = self.clock()
        crash_point("before_root_append")
        await asyncio.to_thread(self.sink.append, lambda last: root_line(last, heads, at, self.signer))
        crash_point("after_root_append")
        for head in heads:
            async with tenant_transaction(connection, head.tenant) as cursor:
                await cursor.execute(_MARK, (head.epoch, head.position, head.position, head.tenant))


def _due(row: Row) -> bool:
    return bool(row["position"] - row["signed_position"] >= RECORDS_MAX or row["waited_s"] >= UNSIGNED_S_MAX)


async def _unsigned(connection: AsyncConnection[Any]) -> list[Row]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_UNSIGNED)
        return list(await cursor.fetchall())


# By the store's clock, which also wrote `unsigned_since`; a head without one has waited long enough.
_UNSIGNED = """select tenant_id, epoch, position, hash, signed_position,
  coalesce(extract(epoch from clock_timestamp() - unsigned_since), 1e9) as waited_s from unsigned_heads()"""
_MARK = """update feed_heads set signed_epoch = %s, signed_position = %s,
  unsigned_since = case when position > %s then clock_timestamp() end
where tenant_id = %s"""

"""Polling: a page and its cursor are stored in one transaction, reads overlap, and the journal drops what it knows (L4)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from tieline.engine.budgets.asking import Asking, NoTurn, SourceInTurn
from tieline.engine.budgets.budgets import Budgets
from tieline.engine.budgets.criticality import Criticality
from tieline.engine.crashpoints import crash_point
from tieline.engine.inputs import NewInput, accept
from tieline.engine.leases import Leases, fence
from tieline.engine.rows import tenant_transaction
from tieline.engine.shards import shard_of
from tieline.kit.canonical import digest_of, encode
from tieline.kit.ids import uuid7
from tieline.ports.landscape import Landscape, TenantSetup
from tieline.ports.systems import Page, Source

PAGES_MAX = 50  # per round and stream: the next round goes on from the stored cursor
NO_TURN_S = 2.0  # a stream whose turn did not come asks again after this


class Polling:
    """Each stream is polled by the worker that holds its shard, so that nobody polls twice.

    Pages take turns in `budgets` with the pushes to the same system.
    """

    def __init__(
        self, pool: AsyncConnectionPool[Any], leases: Leases, landscape: Landscape, on_change: Callable[[], None],
        budgets: Budgets | None = None,
    ) -> None:  # fmt: skip
        self.pool, self.leases, self.landscape, self.on_change = pool, leases, landscape, on_change
        self.budgets = budgets
        self._next: dict[tuple[str, str, str], float] = {}

    async def round(self) -> int:
        """Poll every stream whose hour has come. Returns 0: polling never hurries."""
        for setup in self.landscape.values():
            for name, source in setup.sources.items():
                for topic in source.topics:
                    await self._maybe(setup, name, topic)
        return 0

    async def _maybe(self, setup: TenantSetup, system: str, topic: str) -> None:
        key, every_s = (setup.tenant, system, topic), setup.poll_every_s.get(system)
        shard = shard_of("/".join(key))
        if every_s is None or shard not in self.leases.held or time.monotonic() < self._next.get(key, 0.0):
            return
        self._next[key] = time.monotonic() + every_s
        try:
            await self.poll(setup, system, topic, shard)
        except NoTurn:
            self._next[key] = time.monotonic() + min(every_s, NO_TURN_S)

    async def poll(self, setup: TenantSetup, system: str, topic: str, shard: int) -> None:
        """Read pages from the stored cursor on. A crash repeats a page, never skips one."""
        async with self.pool.connection() as connection:
            cursor_value = await _stored(connection, setup.tenant, system, topic)
        pages = 0
        async for page in self._source(setup, system).pages(topic, cursor_value):
            async with self.pool.connection() as connection:
                await self._store(connection, setup, system, topic, shard, page)
            self.on_change()
            pages += 1
            if pages >= PAGES_MAX:
                return

    def _source(self, setup: TenantSetup, system: str) -> Source | SourceInTurn:
        """The hub's own interface, which is no system, is not waited for."""
        source = setup.sources[system]
        if self.budgets is None or system not in setup.systems:
            return source
        return SourceInTurn(source, Asking(self.budgets, (setup.tenant, system), Criticality.NOTICE))

    async def _store(
        self, connection: AsyncConnection[Any], setup: TenantSetup, system: str, topic: str, shard: int, page: Page
    ) -> None:
        inputs = [
            NewInput(
                tenant=setup.tenant, channel="poll", system=system, topic=item.topic, source_id=item.source_id,
                dedup=digest_of("poll", system, item.topic, item.source_id, item.source_version),
                body=encode(item.body), source_version=item.source_version, correlation_id=uuid7(), principal=system,
            )
            for item in page.items
        ]  # fmt: skip
        async with tenant_transaction(connection, setup.tenant) as cursor:
            await fence(cursor, self.leases, {shard})
            if inputs:
                await accept(connection, inputs)
            await cursor.execute("select set_config('tieline.tenant', %s, true)", (setup.tenant,))
            await cursor.execute(_CURSOR, (setup.tenant, system, topic, page.cursor))
            crash_point("before_cursor_commit")
        crash_point("after_cursor_commit")


async def _stored(connection: AsyncConnection[Any], tenant: str, system: str, topic: str) -> str | None:
    async with tenant_transaction(connection, tenant) as cursor:
        await cursor.execute(
            "select cursor from cursors where tenant_id = %s and system = %s and stream = %s", (tenant, system, topic)
        )
        row = await cursor.fetchone()
    return row["cursor"] if row else None


_CURSOR = """insert into cursors (tenant_id, system, stream, cursor) values (%s, %s, %s, %s)
on conflict (tenant_id, system, stream) do update set cursor = excluded.cursor, updated_at = now()"""

"""What the feed's tests live in: writers on real PostgreSQL, a sealer, an outside record in a folder, and a verifier."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from database import Database
from tieline.adapters.audit import Ed25519Keys, Ed25519Signer, FileSink
from tieline.adapters.postgres import roles
from tieline.adapters.postgres.pools import pool
from tieline.engine.events import NewEvent, append_events
from tieline.engine.feed.anchor import Anchor
from tieline.engine.feed.sealer import Sealer
from tieline.engine.feed.verify import Report, verify
from tieline.engine.lanes import lane_row, lock_lanes, set_lanes
from tieline.engine.rows import Cursor, tenant_transaction
from tieline.kit.ids import uuid7
from tieline.ports.audit import Keys

SIGNER, STRANGER = Ed25519Signer(b"k" * 32), Ed25519Signer(b"x" * 32)
KEYS = Ed25519Keys([SIGNER.public])
FIRM, OTHER = "northwind", "southwind"


def now() -> datetime:
    return datetime.now(UTC)


def fact(lane: str, number: int, **said: Any) -> NewEvent:
    return NewEvent(
        lane=lane, lane_seq=number, type="dev.tieline.contract.signed.v1", subject=lane, data={"number": number, **said},
        correlation_id=uuid7(), causation_id=None, actor="clm", legal_entity="DE01",
    )  # fmt: skip


async def append(cursor: Cursor, tenant: str, lane: str, count: int = 1) -> None:
    """As every writer does: lock the lane, number what is new, write, move the lane's number."""
    row = (await lock_lanes(cursor, tenant, [lane], create=True))[lane]
    seq = int(row["lane_seq"])
    await append_events(cursor, tenant, [fact(lane, seq + n) for n in range(1, count + 1)])
    await set_lanes(cursor, tenant, [lane_row(row, wanted=0, planned=0, lane_seq=seq + count)])


@dataclass
class Desk:
    database: Database
    record: Path
    pool: Any
    clock: list[datetime] = field(default_factory=list)

    def moment(self) -> datetime:
        return self.clock[0] if self.clock else now()

    def anchor(self) -> Anchor:
        return Anchor(FileSink(self.record), SIGNER, KEYS, self.moment)

    def sealer(self, tenants: Sequence[str] = (), batch: int = 2000) -> Sealer:
        return Sealer(self.pool, self.anchor(), tenants, batch)

    @asynccontextmanager
    async def writer(self, tenant: str = FIRM) -> AsyncIterator[Cursor]:
        """A worker's transaction, committed at the end of the block."""
        async with (
            await AsyncConnection.connect(self.database.conninfo(roles.WORKER), autocommit=True) as connection,
            tenant_transaction(connection, tenant) as cursor,
        ):
            yield cursor

    async def write(self, *counts: tuple[str, int], tenant: str = FIRM) -> None:
        for lane, count in counts:
            async with self.writer(tenant) as cursor:
                await append(cursor, tenant, lane, count)

    async def seal(self, sign: bool = False) -> None:
        """Rounds until nothing waits; with `sign`, everything is vouched for outside."""
        sealer = self.sealer()
        while await sealer.round():
            pass
        if sign:
            async with self.pool.connection() as connection:
                await sealer.anchor.sign_now(connection)

    async def verify(self, keys: Keys = KEYS) -> Report:
        async with self.pool.connection() as connection:
            return await verify(connection, [FIRM, OTHER], FileSink(self.record), keys, self.moment())

    async def found(self, tenant: str = FIRM) -> tuple[str, int | None] | None:
        """The kind and the place of the first damage of a tenant."""
        [report] = [each for each in (await self.verify()).tenants if each.tenant == tenant]
        return None if report.finding is None else (report.finding.kind.value, report.finding.position)

    def rows(self, sql: str, *values: Any, **named: Any) -> list[dict[str, Any]]:
        """With a superuser's eyes, who sees and may do everything."""
        with psycopg.connect(self.database.admin, autocommit=True, row_factory=dict_row) as connection:
            done = connection.execute(sql.encode(), named or values)
            return done.fetchall() if done.description else []

    def seals(self, tenant: str = FIRM) -> list[dict[str, Any]]:
        return self.rows("select * from seals where tenant_id = %s order by position", tenant)


@asynccontextmanager
async def desk_on(database: Database, record: Path) -> AsyncIterator[Desk]:
    async with pool(database.conninfo(roles.SCHEDULER), "scheduler", 1, 4) as made:
        yield Desk(database=database, record=record, pool=made)


def lanes_in_order(seals: Iterator[dict[str, Any]] | list[dict[str, Any]]) -> bool:
    """Every lane's numbers stand in their own order, from 1, without a gap; positions too."""
    seen: dict[str, int] = {}
    for place, row in enumerate(seals, start=1):
        if row["position"] != place or row["lane_seq"] != seen.get(row["lane"], 0) + 1:
            return False
        seen[row["lane"]] = row["lane_seq"]
    return True

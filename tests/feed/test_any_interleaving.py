"""Any interleaving of open transactions, commits, roll-backs and sealers: the feed that a follower sees only ever grows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from feed_desk import FIRM, KEYS, SIGNER, append, lanes_in_order, now
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from database import Database
from tieline.adapters.audit import FileSink
from tieline.adapters.postgres import roles
from tieline.adapters.postgres.pools import pool
from tieline.engine.feed.anchor import Anchor
from tieline.engine.feed.epochs import START
from tieline.engine.feed.sealer import Sealer
from tieline.engine.rows import tenant_transaction
from tieline.engine.views.feed import feed

LANES = ("contract:a", "contract:b", "contract:c", "contract:d")


@dataclass
class Hall:
    """One event loop, four writers, two sealers, one follower; kept for all runs, emptied before each."""

    loop: asyncio.AbstractEventLoop
    writers: list[AsyncConnection[Any]]
    admin: AsyncConnection[Any]
    pool: Any
    sealers: list[Sealer] = field(default_factory=list)

    def do(self, what: Any) -> Any:
        return self.loop.run_until_complete(asyncio.wait_for(what, 20))


class Feed(RuleBasedStateMachine):
    hall: Hall

    def __init__(self) -> None:
        super().__init__()
        self.open: dict[int, str] = {}  # writer: the lane whose lock it holds
        self.written = 0  # committed events
        self.pending: dict[int, int] = {}
        self.seen: list[tuple[int, str, int]] = []
        self.place = START
        self.hall.do(self._empty())

    async def _empty(self) -> None:
        for table in ("events", "unsealed", "seals", "sealed_lanes", "feed_heads", "lanes"):
            await self.hall.admin.execute(f"truncate {table}".encode())

    @rule(writer=st.integers(0, 3), lane=st.sampled_from(LANES), count=st.integers(1, 3))
    def write(self, writer: int, lane: str, count: int) -> None:
        """Begin or go on; a lane that another open transaction holds cannot be written now."""
        if self.open.get(writer, lane) != lane or lane in (held for who, held in self.open.items() if who != writer):
            return
        self.hall.do(self._write(writer, lane, count))
        self.open[writer] = lane
        self.pending[writer] = self.pending.get(writer, 0) + count

    async def _write(self, writer: int, lane: str, count: int) -> None:
        connection = self.hall.writers[writer]
        if writer not in self.open:
            await connection.execute("begin")
            await connection.execute("select set_config('tieline.tenant', %s, true)", (FIRM,))
        async with connection.cursor(row_factory=dict_row) as cursor:
            await append(cursor, FIRM, lane, count)

    @precondition(lambda self: self.open)
    @rule(chosen=st.integers(0, 3), keep=st.booleans())
    def end(self, chosen: int, keep: bool) -> None:
        writer = sorted(self.open)[chosen % len(self.open)]
        self.hall.do(self.hall.writers[writer].execute("commit" if keep else "rollback"))
        del self.open[writer]
        self.written += self.pending.pop(writer) * keep

    @rule(which=st.integers(0, 1))
    def seal(self, which: int) -> None:
        self.hall.do(self.hall.sealers[which].round())

    @rule()
    def seal_with_two_at_once(self) -> None:
        first, second = self.hall.sealers
        self.hall.do(asyncio.wait_for(_both(first, second), 20))

    @rule()
    def follow(self) -> None:
        """What was seen stays as it was; what is new stands behind it."""
        self.hall.do(self._follow())
        assert [position for position, _, _ in self.seen] == list(range(1, len(self.seen) + 1))

    async def _follow(self) -> None:
        async with self.hall.pool.connection() as connection, tenant_transaction(connection, FIRM) as cursor:
            stretch = await feed(cursor, after=self.place, limit=1000)
        self.place = stretch.end
        self.seen += [(row["feed_position"], row["lane"], row["lane_seq"]) for row in stretch.events]

    @invariant()
    def lanes_keep_their_order(self) -> None:
        rows = [{"position": p, "lane": lane, "lane_seq": number} for p, lane, number in self.seen]
        assert lanes_in_order(rows) and len(rows) <= self.written

    def teardown(self) -> None:
        """At rest everything that was committed has been seen, once."""
        for writer in self.open:
            self.hall.do(self.hall.writers[writer].execute("rollback"))
        for _ in range(self.written // 5 + 4):
            self.hall.do(self.hall.sealers[0].round())
        self.follow()
        assert len(self.seen) == self.written


async def _both(first: Sealer, second: Sealer) -> None:
    await asyncio.gather(first.round(), second.round())


def test_whatever_the_order_of_commits_positions_have_no_gap_and_contradict_no_lane(
    database: Database, tmp_path_factory: Any
) -> None:
    loop = asyncio.new_event_loop()
    record = FileSink(tmp_path_factory.mktemp("record") / "roots.jsonl")
    hall = loop.run_until_complete(_hall(loop, database, record))
    Feed.hall = hall
    try:
        run_state_machine_as_test(
            Feed,
            settings=settings(
                max_examples=25, stateful_step_count=30, deadline=None, database=None, derandomize=True,
                suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink],
            ),
        )  # fmt: skip
    finally:
        loop.run_until_complete(_leave(hall))
        loop.close()


async def _hall(loop: asyncio.AbstractEventLoop, database: Database, record: FileSink) -> Hall:
    writers = [await AsyncConnection.connect(database.conninfo(roles.WORKER), autocommit=True) for _ in range(4)]
    admin = await AsyncConnection.connect(database.admin, autocommit=True)
    made = pool(database.conninfo(roles.SCHEDULER), "scheduler", 2, 4)
    await made.open(wait=True)
    sealers = [Sealer(made, Anchor(record, SIGNER, KEYS, now), batch=5) for _ in range(2)]
    return Hall(loop=loop, writers=writers, admin=admin, pool=made, sealers=sealers)


async def _leave(hall: Hall) -> None:
    for connection in (*hall.writers, hall.admin):
        await connection.close()
    await hall.pool.close()

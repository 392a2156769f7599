"""Reading a source page by page: the cursor is never ahead of what is in the journal, and one worker reads (L4, D6)."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from stepping import Desk, Shelf, desk
from world import TENANT, PlainSource

from database import Database
from tieline.engine.leases import LeaseLost
from tieline.engine.shards import shard_of
from tieline.ports.decisions import Decision
from tieline.ports.flows import Snapshot
from tieline.ports.systems import Page, SourceItem

UNSTORABLE = "b\u00007"  # a name that PostgreSQL refuses


def silent_flow(snapshot: Snapshot) -> Iterator[Decision]:
    return iter(())


class PagedSource(PlainSource):
    """Two records a page, oldest first; the cursor is the last position read, and reading starts there again."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)
        self.asked: list[str | None] = []

    async def pages(self, topic: str, cursor: str | None) -> AsyncIterator[Page]:
        self.asked.append(cursor)
        start = int(cursor or 0)
        for begin in range(start, len(self.names), 2):
            some = self.names[begin : begin + 2]
            items = tuple(
                SourceItem(topic="item", source_id=name, source_version="1", body={"id": name, "version": 1})
                for name in some
            )
            yield Page(items=items, cursor=str(begin + len(some) - 1))


async def poll(d: Desk, source: PagedSource) -> None:
    setup = replace(d.setup, sources={"inbox": source})
    await d.worker.polling.poll(setup, "inbox", "item", shard_of(f"{TENANT}/inbox/item"))


async def cursor_and_inputs(d: Desk) -> tuple[str | None, list[str]]:
    cursor: list[dict[str, Any]] = await d.rows("select cursor from cursors")
    inputs = await d.rows("select source_id from inputs order by source_id")
    return cursor[0]["cursor"] if cursor else None, [row["source_id"] for row in inputs]


async def test_L4_the_cursor_is_stored_with_its_page_or_not_at_all(database: Database) -> None:
    """The second page cannot be stored: the cursor stays at the first, so that the next reading finds it again."""
    async with desk(database, silent_flow, Shelf()) as d:
        with pytest.raises(psycopg.DataError):
            await poll(d, PagedSource("a1", "a2", UNSTORABLE, "a3"))
        assert await cursor_and_inputs(d) == ("1", ["a1", "a2"])
        repaired = PagedSource("a1", "a2", "b7", "a3")
        await poll(d, repaired)
        assert await cursor_and_inputs(d) == ("3", ["a1", "a2", "a3", "b7"])
    assert repaired.asked == ["1"]


async def test_D3_readings_overlap_and_what_is_known_is_not_stored_again(database: Database) -> None:
    async with desk(database, silent_flow, Shelf()) as d:
        for _ in range(3):
            await poll(d, PagedSource("a1", "a2", "a3"))
        assert await cursor_and_inputs(d) == ("2", ["a1", "a2", "a3"])


async def test_F27_only_the_worker_that_holds_the_stream_reads_it(database: Database) -> None:
    source = PagedSource("a1")
    async with (
        desk(database, silent_flow, Shelf()) as holder,
        desk(database, silent_flow, Shelf(), name="w2") as other,
    ):
        for d in (other, holder):
            d.worker.polling.landscape = {
                TENANT: replace(d.setup, sources={"inbox": source}, poll_every_s={"inbox": 60.0})
            }
            for _ in range(2):
                with contextlib.suppress(LeaseLost):  # the fence is the second line of defence, not the first
                    await d.worker.polling.round()
        assert await cursor_and_inputs(holder) == ("0", ["a1"])
    assert source.asked == [None]

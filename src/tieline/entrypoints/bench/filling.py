"""Filling a store with very many rows: set-based, a hundred thousand at a time, indexes built once at the end.

For stores that a measurement made for itself; a crash in the middle would leave one without its keys.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from tieline.entrypoints.bench.progress import Progress

CHUNK = 100_000
WORTH_IT = 200_000  # from so many rows on, building the indexes anew is cheaper than keeping them
_MEMORY = "512MB"
Admin = psycopg.AsyncConnection[dict[str, Any]]


@contextlib.asynccontextmanager
async def filler(conninfo: str) -> AsyncIterator[Admin]:
    """A connection that does not wait for the disk: what it writes is laid out again after a crash, not recovered."""
    options = f"-c synchronous_commit=off -c maintenance_work_mem={_MEMORY} -c max_parallel_maintenance_workers=0"
    connection: Admin = await psycopg.AsyncConnection.connect(
        conninfo, autocommit=True, row_factory=dict_row, options=options
    )
    async with connection:
        yield connection


def chunks(size: int, first: int = 1) -> Iterator[tuple[int, int]]:
    """First and last number of each chunk."""
    for start in range(first, first + size, CHUNK):
        yield start, min(start + CHUNK, first + size) - 1


async def fill(
    admin: Admin, statements: Sequence[LiteralString], given: Mapping[str, Any], size: int, progress: Progress
) -> None:
    """Run each statement for the numbers 1 to `size`, as %(first)s to %(last)s."""
    for statement in statements:
        for first, last in chunks(size):
            await admin.execute(statement, {**given, "first": first, "last": last})
            progress.add(last - first + 1)


@contextlib.asynccontextmanager
async def unindexed(admin: Admin, tables: Sequence[str], rows: int) -> AsyncIterator[None]:
    """Without their indexes and keys meanwhile, when `rows` are many."""
    if rows < WORTH_IT:
        yield
        return
    made = [one for table in tables for one in await _indexes(admin, table)]
    for one in made:
        await admin.execute(one["drop"].encode())
    yield
    for one in made:
        await admin.execute(one["create"].encode())


async def _indexes(admin: Admin, table: str) -> list[dict[str, str]]:
    """How each index of a table, or of all partitions of one, is dropped and made."""
    rows = await (await admin.execute(_KEYS, (table,))).fetchall()
    rows += await (await admin.execute(_INDEXES, (table,))).fetchall()
    return rows


async def settled(admin: Admin, tables: Sequence[str]) -> None:
    """As a store looks that has been there for long: vacuumed, with statistics, its changes on disk."""
    for table in tables:
        await admin.execute(sql.SQL("vacuum (analyze) {}").format(sql.Identifier(table)))
    await admin.execute("checkpoint")


_KEYS: LiteralString = """select format('alter table %%I drop constraint %%I', conrelid::regclass::text, conname) as drop,
  format('alter table %%I add constraint %%I %%s', conrelid::regclass::text, conname, pg_get_constraintdef(oid)) as create
from pg_constraint where conrelid = %s::regclass and contype in ('p', 'u')"""
_INDEXES: LiteralString = """select format('drop index %%s', indexrelid::regclass) as drop,
  replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ') as create
from pg_index where indrelid = %s::regclass
  and not exists (select from pg_constraint c where c.conindid = indexrelid)"""

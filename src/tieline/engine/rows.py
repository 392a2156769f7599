"""Hundreds of rows in one statement: rows travel as one JSON parameter and are unpacked by the server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import dict_row

Row = dict[str, Any]
Cursor = AsyncCursor[Row]

_encoder = msgspec.json.Encoder(enc_hook=lambda value: value.hex() if isinstance(value, bytes) else str(value))


def as_json(rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows for `jsonb_to_recordset`. Bytes become hex: read them with decode(column, 'hex')."""
    return _encoder.encode(
        [{k: v.hex() if isinstance(v, bytes) else v for k, v in row.items()} for row in rows]
    ).decode()


async def write(cursor: Cursor, sql: LiteralString, rows: Sequence[Mapping[str, Any]], *before: Any) -> None:
    """Run `sql`, whose last parameter is the rows; nothing happens for no rows."""
    if rows:
        await cursor.execute(sql, (*before, as_json(rows)))


async def ask(cursor: Cursor, sql: LiteralString, parameters: Sequence[Any] | Mapping[str, Any]) -> Cursor:
    """Send a question inside the transaction of `cursor` and go on; `fetchall` on the answer waits for it."""
    question: Cursor = cursor.connection.cursor(row_factory=dict_row)
    await question.execute(sql, parameters)
    return question


@asynccontextmanager
async def tenant_transaction(connection: AsyncConnection[Any], tenant: str) -> AsyncIterator[Cursor]:
    """One transaction in which row-level security shows `tenant` and nothing else.

    Pipelined: statements travel together and are waited for only where rows are fetched, and at the commit.
    """
    async with connection.pipeline(), connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute("select set_config('tieline.tenant', %s, true)", (tenant,))
        yield cursor

"""Signed webhooks into the journal, durable before they are answered, beside the same server with a bare batched INSERT.

`limit_per_s`: the same edge with the same checks, whose journal is replaced by one INSERT of the bodies into one table
without an index. `floor_per_s`: not even an edge, only body and INSERT. All are served by the same uvicorn in the same
process; the load comes from a process of its own over real sockets; they are measured in turns, so that whatever else
the machine does falls on all of them.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any
from uuid import UUID

import psycopg
from psycopg_pool import AsyncConnectionPool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from tieline import bootstrap
from tieline.adapters.postgres import roles
from tieline.adapters.postgres.pools import pool as make_pool
from tieline.api.app import hooks_first
from tieline.api.frame import Frame
from tieline.api.hooks import Hooks
from tieline.engine.inputs import Accepted, NewInput
from tieline.entrypoints.bench.firm import TENANT, measured_firm

SECONDS = 4.0
ROUNDS = 3
CONNECTIONS = 64
Say = Callable[[str], None]


class BareInsert:
    """Bodies into one table, many requests a statement, each answered after its commit. Nothing else."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    def admit(self) -> None:
        """Takes everything."""

    async def receive(self, request: Request) -> Response:
        await self._insert(await request.body())
        return Response(status_code=202)

    async def submit(self, inputs: Sequence[NewInput]) -> list[Accepted]:
        """In place of the edge's own batcher."""
        await self._insert(inputs[0].body or b"")
        return [Accepted(input_id=UUID(int=0), correlation_id=one.correlation_id) for one in inputs]

    async def _insert(self, body: bytes) -> None:
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((body, stored))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())
        await stored

    async def _drain(self) -> None:
        async with self._pool.connection() as connection:
            while self._waiting:
                batch, self._waiting = self._waiting[:500], self._waiting[500:]
                await connection.execute("insert into bare select unnest(%s::bytea[])", ([body for body, _ in batch],))
                for _, stored in batch:
                    stored.set_result(None)


async def measure(say: Say) -> dict[str, Any]:
    """All figures of the ingest benchmark; takes about half a minute."""
    with measured_firm(0.0) as firm:
        async with bootstrap.hub(bootstrap.read_settings(firm.config)) as hub:
            return await _paired(hub, firm.inbox_secret, say)


def _emptied(hub: bootstrap.Hub) -> None:
    """No worker runs here; without one the edge would soon refuse what nobody takes off the queue."""
    with psycopg.connect(hub.cluster.conninfo(roles.ADMIN), autocommit=True) as connection:
        connection.execute("truncate intake")


async def _paired(hub: bootstrap.Hub, secret: str, say: Say) -> dict[str, Any]:
    with psycopg.connect(hub.cluster.conninfo(roles.ADMIN), autocommit=True) as connection:
        connection.execute("create table bare (body bytea)")
    async with make_pool(hub.cluster.conninfo(roles.ADMIN), "bench", 1, 2) as pool:
        bare = BareInsert(pool)
        site = _site(hub, bare)
        ours, limits, floors, p99 = [], [], [], []
        async with bootstrap.served_site(hub.settings, site) as served:
            for turn in range(ROUNDS):
                say(f"round {turn + 1} of {ROUNDS}")
                floors.append(await _load(f"{served.url}/floor", secret))
                limits.append(await _load(f"{served.url}/limit/hooks/{TENANT}/inbox", secret))
                ours.append(await _load(f"{served.url}/hooks/{TENANT}/inbox", secret))
                p99.append(ours[-1]["p99_ms"])
                _emptied(hub)
    per_s, limit = median(r["per_s"] for r in ours), median(r["per_s"] for r in limits)
    stored = await _stored(hub)
    return {
        "per_s": round(per_s, 1), "limit_per_s": round(limit, 1), "ratio": round(per_s / limit, 3),
        "floor_per_s": round(median(r["per_s"] for r in floors), 1),
        "p99_ms": round(median(p99), 1), "rounds": ROUNDS, "seconds_each": SECONDS, "connections": CONNECTIONS,
        "accepted": sum(r["accepted"] for r in ours), "stored": stored, "refused": sum(r["refused"] for r in ours),
    }  # fmt: skip


def _site(hub: bootstrap.Hub, bare: BareInsert) -> ASGIApp:
    """The edge as it is, the same edge before a bare INSERT, and the bare INSERT alone."""
    same_edge = Frame(hooks_first(Hooks(hub.services, bare), Router()))

    async def site(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("path") == "/floor":
            await (await bare.receive(Request(scope, receive)))(scope, receive, send)
        elif scope.get("path", "").startswith("/limit/"):
            await same_edge({**scope, "path": scope["path"].removeprefix("/limit")}, receive, send)
        else:
            await hub.app(scope, receive, send)

    return site


async def _stored(hub: bootstrap.Hub) -> int:
    async with await psycopg.AsyncConnection.connect(hub.cluster.conninfo(roles.ADMIN)) as connection:
        row = await (await connection.execute("select count(*) from inputs")).fetchone()
    return int(row[0]) if row else 0


async def _load(url: str, secret: str) -> dict[str, Any]:
    """One burst from a process of its own."""
    command = [sys.executable, "-m", "tieline.entrypoints.bench.load", url, secret, str(SECONDS), str(CONNECTIONS)]
    child = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    output, _ = await child.communicate()
    result: dict[str, Any] = json.loads(output)
    return result

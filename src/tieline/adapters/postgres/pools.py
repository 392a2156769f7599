"""Connections for one component, and the transaction in which every statement about a tenant runs.

async with pool.connection() as conn, tenant_tx(conn, tenant):
    ...  # sees and writes the rows of `tenant` only
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from weakref import WeakSet

from psycopg import AsyncConnection, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool

from tieline.adapters.postgres import fitness
from tieline.kit.canonical import decode

set_json_loads(
    decode
)  # documents come with every row: a tenth of a busy worker's time was the standard library's reader

_STATEMENT_TIMEOUT_MS = 30_000
_TRANSACTION_S = 60.0
_WORKER_TRANSACTION_S = 10.0  # a worker that stands still must not keep its shards from a successor
_LIMITED_FROM = 170_000  # the server version that can limit a transaction that waits inside a pipeline, too
_MADE: WeakSet[AsyncConnectionPool[AsyncConnection]] = WeakSet()


def pool(
    conninfo: str,
    component: str,
    min_size: int = 1,
    max_size: int = 8,
    transaction_s: float | None = None,
) -> AsyncConnectionPool[AsyncConnection]:
    """A closed pool: open it with `async with`. `conninfo` is the cluster's for the component's role.

    `transaction_s`: after so long a transaction is ended, so that a process that stands still keeps no locks (D5, F26).
    Connections come back without a tenant, whatever happened while they were out (X23).
    """
    worker = component == "worker"
    # Added columns change what a prepared `select *` answers, and the server refuses it: requests must not meet that.
    prepared_after = {"worker": 1, "edge": 5}.get(component)
    limit_ms = round(1000 * (transaction_s or (_WORKER_TRANSACTION_S if worker else _TRANSACTION_S)))
    settings = f"-c statement_timeout={_STATEMENT_TIMEOUT_MS} -c idle_in_transaction_session_timeout={limit_ms}"
    options = " ".join(filter(None, [str(conninfo_to_dict(conninfo).get("options") or ""), settings]))
    made = AsyncConnectionPool(
        make_conninfo(conninfo, options=options, application_name=fitness.connection_name(component)),
        # Transactions are explicit, and `reset all` is not undone by a rollback.
        kwargs={"autocommit": True, "prepare_threshold": prepared_after},
        min_size=min_size,
        max_size=max_size,
        open=False,
        configure=partial(_configured, limit_ms),
        reset=partial(_forget_tenant, limit_ms),
        timeout=10.0,
        name=f"tieline-{component}",
    )
    _MADE.add(made)
    return made


async def renew_all() -> None:
    """Every pool of this process gets new connections, each as soon as it is free: the tables have changed (F45)."""
    for made in list(_MADE):
        if not made.closed:
            await made.drain()


@asynccontextmanager
async def tenant_tx(conn: AsyncConnection, tenant: str) -> AsyncIterator[AsyncConnection]:
    """One transaction as `tenant`; the setting ends with it. Raises ValueError for an empty tenant."""
    if not tenant:
        raise ValueError("a transaction needs a tenant")
    async with conn.transaction():
        await conn.execute("select set_config('tieline.tenant', %s, true)", (tenant,))
        yield conn


async def _configured(limit_ms: int, conn: AsyncConnection) -> None:
    """Refused on a store that this code does not fit.

    A pipeline that is not finished counts as active, not as idle: only this limit ends it. Servers before 17 lack it.
    """
    await fitness.fits(conn)
    if conn.info.server_version >= _LIMITED_FROM:
        await conn.execute(sql.SQL("set transaction_timeout = {}").format(limit_ms))


async def _forget_tenant(limit_ms: int, conn: AsyncConnection) -> None:
    """Session settings end with the loan: `reset all` also undoes what a faulty statement set for the session."""
    limited = conn.info.server_version >= _LIMITED_FROM
    again = sql.SQL("reset all; set transaction_timeout = {}").format(limit_ms)
    await conn.execute(again if limited else sql.SQL("reset all"))

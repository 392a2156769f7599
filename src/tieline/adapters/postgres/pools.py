"""Connections for one component, and the transaction in which every statement about a tenant runs.

async with pool.connection() as conn, tenant_tx(conn, tenant):
    ...  # sees and writes the rows of `tenant` only
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import AsyncConnectionPool

_STATEMENT_TIMEOUT_MS = 30_000
_IDLE_IN_TRANSACTION_MS = 60_000
_SETTINGS = (
    f"-c statement_timeout={_STATEMENT_TIMEOUT_MS} -c idle_in_transaction_session_timeout={_IDLE_IN_TRANSACTION_MS}"
)


def pool(conninfo: str, component: str, min_size: int = 1, max_size: int = 8) -> AsyncConnectionPool[AsyncConnection]:
    """A closed pool: open it with `async with`. `conninfo` is the cluster's for the component's role.

    Connections come back without a tenant, whatever happened while they were out (X23).
    """
    options = " ".join(filter(None, [str(conninfo_to_dict(conninfo).get("options") or ""), _SETTINGS]))
    return AsyncConnectionPool(
        make_conninfo(conninfo, options=options, application_name=f"tieline-{component}"),
        kwargs={"autocommit": True},  # transactions are explicit, and `reset all` is not undone by a rollback
        min_size=min_size,
        max_size=max_size,
        open=False,
        reset=_forget_tenant,
        timeout=10.0,
        name=f"tieline-{component}",
    )


@asynccontextmanager
async def tenant_tx(conn: AsyncConnection, tenant: str) -> AsyncIterator[AsyncConnection]:
    """One transaction as `tenant`; the setting ends with it. Raises ValueError for an empty tenant."""
    if not tenant:
        raise ValueError("a transaction needs a tenant")
    async with conn.transaction():
        await conn.execute("select set_config('tieline.tenant', %s, true)", (tenant,))
        yield conn


async def _forget_tenant(conn: AsyncConnection) -> None:
    """Session settings end with the loan: `reset all` also undoes what a faulty statement set for the session."""
    await conn.execute("reset all")

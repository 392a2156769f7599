"""All that the edge and the API are given by the composition root."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from tieline.engine.deliveries.orders import Endpoints
from tieline.kit.errors import Rejected
from tieline.ports.commands import Commands
from tieline.ports.landscape import Landscape, TenantSetup

Pool = AsyncConnectionPool[AsyncConnection]


def no_other(tenant: str, text: str) -> TenantSetup:
    raise Rejected("This hub plans only under its own configuration.")


async def nothing_more(connection: AsyncConnection[Any]) -> Mapping[str, dict[str, Any]]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """`pool` is of the API's database role, `edge_pool` of the edge's. `cursor_key` signs paging cursors and is the same
    in all processes. `clock` answers the present instant in UTC. `compile_setup` makes of a tenant and a configuration's
    text what may be planned with, connected to nothing; it raises Rejected with all faults. `schema_version` is the last
    migration that this code cannot do without, empty when nobody minds. `examine` makes the checks of the store that are its own
    adapter's matter, each with ok, expected, seen and way_out. `endpoints` takes orders about webhooks out.
    """

    pool: Pool
    edge_pool: Pool
    landscape: Landscape
    commands: Commands
    clock: Callable[[], datetime]
    cursor_key: bytes
    endpoints: Endpoints | None = None
    schema_version: str = ""
    examine: Callable[[AsyncConnection[Any]], Awaitable[Mapping[str, dict[str, Any]]]] = nothing_more
    compile_setup: Callable[[str, str], TenantSetup] = no_other
    free_bytes: Callable[[], int | None] = lambda: None  # of the disk of the embedded store, None when it is elsewhere
    version: str = "0.1.0"
    commit: str = "unknown"
    batch_limit: int = 500
    queue_limit: int = 5000
    patience_s: float = 5.0

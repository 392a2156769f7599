"""The house of the API's tests: real PostgreSQL, the real application, two firms."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from api_house import NOW, House, key_of, setup

from database import Database
from tieline.adapters.postgres import roles
from tieline.adapters.postgres.pools import pool
from tieline.api.app import create_app
from tieline.api.services import Services
from tieline.engine.commands import EngineCommands


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    async with (
        pool(database.conninfo(roles.API), "api", 1, 4) as api,
        pool(database.conninfo(roles.EDGE), "edge", 1, 2) as edge,
    ):
        clock = [NOW]
        landscape = {tenant: setup(tenant) for tenant in ("northwind", "southwind")}
        services = Services(
            pool=api,
            edge_pool=edge,
            landscape=landscape,
            commands=EngineCommands(api, landscape, lambda: clock[0]),
            clock=lambda: clock[0],
            cursor_key=b"cursor key for tests",
            patience_s=2.0,
        )
        keys = {tenant: await key_of(api, tenant) for tenant in services.landscape}
        yield House(app=create_app(services), services=services, keys=keys, admin=database.admin, clock=clock)

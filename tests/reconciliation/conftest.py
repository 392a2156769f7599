"""A NetSuite look-alike of its own for the census, wiped between tests, and the real Tryton."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from census_firm import NETSUITE, Firm, firm
from joserfc.jwk import RSAKey

from database import Database
from real import real_tryton  # noqa: F401
from tieline import sdk
from tieline.adapters.http import GuardedHttp
from tieline.connectors.netsuite import NetSuite, NetSuiteSettings
from tieline.sdk.system import ConnectedSystem
from tieline.twins.process import Served, served


@pytest.fixture(scope="session")
def netsuite_key() -> RSAKey:
    return RSAKey.generate_key(2048)


@pytest.fixture(scope="session")
def netsuite_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served("netsuite", Path(tmp_path_factory.mktemp("census-netsuite"))) as running:
        yield running


@pytest.fixture
def netsuite_twin(netsuite_process: Served, netsuite_key: RSAKey) -> Served:
    netsuite_process.heal()
    netsuite_process.control("reset", {})
    public = netsuite_key.as_pem(private=False).decode()
    integration = {"client_id": "client-1", "certificate_id": "cert-1", "public_key": public}
    netsuite_process.control("seed", {"integration": [integration]})
    return netsuite_process


@pytest_asyncio.fixture
async def netsuite(netsuite_twin: Served, netsuite_key: RSAKey) -> AsyncIterator[ConnectedSystem]:
    http = GuardedHttp(netsuite_twin.url, name="NetSuite", allow_private_addresses=True)
    secrets = {"private_key": sdk.Secret(netsuite_key.as_pem(private=True).decode())}
    settings = NetSuiteSettings(**NETSUITE, base_url=netsuite_twin.url)
    yield ConnectedSystem("erp", NetSuite(settings, http, secrets, {}))
    await http.aclose()


@pytest_asyncio.fixture
async def accounts(database: Database, netsuite: ConnectedSystem) -> AsyncIterator[Firm]:
    """The firm whose clients are to be in NetSuite."""
    async with firm(database, netsuite) as made:
        yield made

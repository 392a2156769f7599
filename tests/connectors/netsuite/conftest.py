"""One NetSuite look-alike for these tests, wiped between them, and a connector that talks to it over the real client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from tieline import sdk
from tieline.adapters.http import GuardedHttp
from tieline.connectors.netsuite import NetSuite, NetSuiteSettings
from tieline.twins.process import Served, served

SETTINGS: dict[str, Any] = {
    "account": "123456_SB1",
    "client_id": "client-1",
    "certificate_id": "cert-1",
    "private_key_ref": "env:NETSUITE_KEY",
    "subsidiaries": {"US01": "2", "DE01": "3"},
    "currencies": {"USD": "1", "EUR": "4", "JPY": "5"},
    "items": {"DATA": "501", "CLOUD": "502"},
    "tax_codes": {"STANDARD": "7", "EXEMPT": "8", "DE01/STANDARD": "9"},
    "employees": {"res_ada": "55"},
    "billing_resource": "900",
    "allow_private_addresses": True,
}


@pytest.fixture(scope="session")
def key() -> RSAKey:
    return RSAKey.generate_key(2048)


@pytest.fixture(scope="session")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served("netsuite", Path(tmp_path_factory.mktemp("netsuite"))) as running:
        yield running


@pytest.fixture
def twin(process: Served, key: RSAKey) -> Served:
    process.heal()
    process.control("reset", {})
    process.control("pool", {"size": 15, "outside": 0, "disguise": False})
    integration = {
        "client_id": "client-1",
        "certificate_id": "cert-1",
        "public_key": key.as_pem(private=False).decode(),
    }
    process.control("seed", {"integration": [integration]})
    return process


@pytest.fixture
async def http(twin: Served) -> AsyncIterator[GuardedHttp]:
    client = GuardedHttp(twin.url, name="NetSuite", allow_private_addresses=True)
    yield client
    await client.aclose()


@pytest.fixture
def settings(twin: Served) -> NetSuiteSettings:
    return NetSuiteSettings(**SETTINGS, base_url=twin.url)


@pytest.fixture
def netsuite(settings: NetSuiteSettings, http: GuardedHttp, key: RSAKey) -> NetSuite:
    return NetSuite(settings, http, {"private_key": sdk.Secret(key.as_pem(private=True).decode())}, {})

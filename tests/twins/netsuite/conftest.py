"""The account under test over plain HTTP, and what these tests need that is not in every checkout."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import RSAKey
from netsuite_account import CUSTOMER, Account

from tieline.twins.process import Served, served


def _installed(distribution: str) -> bool:
    try:
        return bool(metadata.version(distribution))
    except metadata.PackageNotFoundError:
        return False


# Control of collection instead of skipped tests: a run says which witnesses it did not have.
_ABSENT = {
    "test_netsuite_specification.py": (
        "the vendor's published names (folder in TIELINE_VENDOR_SPECS)",
        "TIELINE_VENDOR_SPECS" in os.environ,
    ),
    "test_netsuite_real_client.py": (
        "the real client (PyPI netsuite)",
        _installed("netsuite"),
    ),
}
collect_ignore_glob = [name for name, (_, present) in _ABSENT.items() if not present]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for name, (witness, present) in _ABSENT.items():
        if not present:
            terminalreporter.write_line(f"NetSuite look-alike not checked against {witness}: {name} not collected")


@pytest.fixture(scope="session")
def key() -> RSAKey:
    return RSAKey.generate_key(2048)


@pytest.fixture(scope="session")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served("netsuite", Path(tmp_path_factory.mktemp("netsuite"))) as running:
        yield running


@pytest.fixture
def account(process: Served, key: RSAKey) -> Iterator[Account]:
    process.heal()
    process.control("reset", {})
    process.control("pool", {"size": 15, "outside": 0, "disguise": False})
    integration = {
        "client_id": "client-1",
        "certificate_id": "cert-1",
        "public_key": key.as_pem(private=False).decode(),
    }
    pair = {"consumer_key": "ck", "consumer_secret": "cs", "token_id": "ti", "token_secret": "ts"}
    process.control("seed", {"integration": [integration], "token_pair": [pair]})
    caller = Account(process, key).enter()
    yield caller
    caller.client.close()


@pytest.fixture
def draft(account: Account) -> str:
    """A pending invoice of 277.89 net and 20 % tax; its internal id."""
    account.made("customer", "cli_1", CUSTOMER)
    account.made("job", "prj_1", {"companyName": "P", "parent": {"externalId": "cli_1"}, "subsidiary": {"id": "2"}})
    line = {"item": {"id": "501"}, "quantity": 0.5, "rate": 185.25, "taxCode": {"id": "7"}, "description": "work"}
    record = {
        "entity": {"externalId": "cli_1"},
        "job": {"externalId": "prj_1"},
        "tranDate": "2026-10-31",
        "item": {"items": [line] * 3},
    }
    return account.made("invoice", "inv_1", record)

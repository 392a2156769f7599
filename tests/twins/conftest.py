"""Twins as processes, started once and emptied before each test."""

from __future__ import annotations

import os
from collections.abc import Iterator

import httpx2
import pytest
from twin_hooks import Receiver

from tieline.twins.process import Served, served

_SPECS = os.environ.get("TIELINE_VENDOR_SPECS")
_REASON = "twins: not checked against the vendors' specifications, since TIELINE_VENDOR_SPECS names no folder"
collect_ignore_glob = [] if _SPECS else ["vendor/*"]
_said: list[str] = []


def pytest_report_header() -> str:
    line = f"twins: checked against the vendors' specifications in {_SPECS}" if _SPECS else _REASON
    _said.append(line)
    return line


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The header is only asked of conftests that pytest loads before it collects; then this says it."""
    if not _SPECS and not _said:
        terminalreporter.write_line(_REASON)


@pytest.fixture(scope="session")
def kv_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served("kv", tmp_path_factory.mktemp("kv"), q_lag_s=30) as twin:
        yield twin


@pytest.fixture(scope="session")
def ironclad_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served("ironclad", tmp_path_factory.mktemp("ironclad"), hook_backoff_ms="5,5,5,5,5,5") as twin:
        yield twin


@pytest.fixture
def kv(kv_process: Served) -> Served:
    kv_process.control("reset", {})
    return kv_process


@pytest.fixture
def ironclad(ironclad_process: Served) -> Served:
    ironclad_process.control("reset", {})
    return ironclad_process


@pytest.fixture
def items(kv: Served) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=kv.url, headers={"authorization": "Bearer hub-a"}, timeout=5) as client:
        yield client


@pytest.fixture
def clm(ironclad: Served) -> Iterator[httpx2.Client]:
    """An authorised client of the Ironclad twin."""
    form = {"grant_type": "client_credentials", "client_id": "tieline", "client_secret": "tieline-secret"}
    token = httpx2.post(ironclad.url + "/oauth/token", data=form).json()["access_token"]
    headers = {"authorization": f"Bearer {token}", "x-as-user-email": "hub@northwind.example"}
    with httpx2.Client(base_url=ironclad.url + "/public/api/v1", headers=headers, timeout=5) as client:
        yield client


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tieline.twins.process import Served, served


@pytest.fixture(scope="session")
def kv_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served("kv", tmp_path_factory.mktemp("kv")) as twin:
        yield twin


@pytest.fixture
def kv(kv_process: Served) -> Served:
    """One process for all tests, emptied before each."""
    kv_process.heal()
    kv_process.control("reset", {})
    return kv_process

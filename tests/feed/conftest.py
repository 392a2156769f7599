"""A desk on a fresh database, with its outside record in a folder of the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from feed_desk import Desk, desk_on

from database import Database


@pytest.fixture
async def desk(database: Database, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_on(database, tmp_path / "roots.jsonl") as made:
        yield made

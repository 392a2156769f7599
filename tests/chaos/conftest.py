"""One kill run per session, many judgements over its evidence; its ledger stands at the end of the output."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

_TESTS = Path(__file__).parents[1]
_PLACES = (_TESTS / "chaos", _TESTS / "engine", _TESTS)
sys.path[:0] = [str(place) for place in _PLACES if str(place) not in sys.path]

from kv_runs import KvStage  # noqa: E402
from world import world  # noqa: E402

from database import Database  # noqa: E402
from ledger import SAID  # noqa: E402
from tieline.entrypoints.chaos import pages  # noqa: E402
from tieline.entrypoints.chaos.campaign import Campaign, seeds_held  # noqa: E402
from tieline.entrypoints.chaos.children import nursery  # noqa: E402
from tieline.entrypoints.chaos.killer import Killer, counter  # noqa: E402
from tieline.entrypoints.chaos.ledger import document as campaign_document  # noqa: E402
from tieline.entrypoints.chaos.report import document, summary  # noqa: E402
from tieline.entrypoints.chaos.run import Run, rehearsed  # noqa: E402
from tieline.twins.process import Served, served  # noqa: E402

_LEDGERS: list[str] = []
SEEDS, SAFETY_S = 20, 2.5
KILLS = int(os.environ.get("TIELINE_CHAOS_KILLS", "120"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> None:
    """From whichever process this is, to the end of the output."""
    item.user_properties.extend((SAID, line) for line in _LEDGERS)
    _LEDGERS.clear()


@pytest.fixture(scope="session")
def seed() -> int:
    """A new one each time; `TIELINE_CHAOS_SEED` repeats a run."""
    return int(os.environ.get("TIELINE_CHAOS_SEED") or secrets.randbelow(1 << 31))


@pytest.fixture(scope="session")
def kill_run(seed: int) -> Run:
    """Edges, workers and PostgreSQL are killed while contracts go from signature to invoice."""
    run = asyncio.run(rehearsed(KILLS, seed, lambda text: None))
    _LEDGERS.append(summary(document(run)))
    return run


@pytest.fixture(scope="session")
def campaign() -> Campaign:
    """Twenty seeds, each with its own subset of the faults, on one stage; `TIELINE_CHAOS_SEEDS` begins elsewhere."""
    first = int(os.environ.get("TIELINE_CHAOS_SEEDS") or 1)
    done = seeds_held(range(first, first + SEEDS), SAFETY_S, lambda text: None)
    _LEDGERS.append(pages.summary(campaign_document(done)))
    return done


@pytest.fixture(scope="module")
def kv(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served("kv", tmp_path_factory.mktemp("kv"), latency_ms=5) as twin:
        yield twin


@pytest.fixture
async def stage(database: Database, kv: Served, seed: int, tmp_path: Path) -> AsyncIterator[KvStage]:
    """The engine's own world, whose workers are processes of their own."""
    kv.heal()
    kv.control("reset", {})
    async with world(database, kv.url) as made, nursery(tmp_path / "nursery.log", ["kv_worker"], _PLACES) as born:
        killer = Killer(born, tmp_path, random.Random(seed), counter(lambda: database.admin))
        yield KvStage(
            world=made, kv=kv, killer=killer, conninfo=database.conninfo("tieline_worker"), say=_LEDGERS.append
        )

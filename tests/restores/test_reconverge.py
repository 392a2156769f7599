"""The hub is set back to a random point while its vendors stay ahead (F40): nothing is doubled, nothing lost, money exact."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import tempfile
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from tieline.adapters.postgres import launcher
from tieline.bootstrap.restoring import run_backup, run_restore
from tieline.entrypoints.chaos import state, verdicts
from tieline.entrypoints.chaos.children import Nursery, nursery
from tieline.entrypoints.chaos.client import sender
from tieline.entrypoints.chaos.evidence import Evidence, gathered
from tieline.entrypoints.chaos.killer import Killer, until
from tieline.entrypoints.chaos.paper import Paper, papers, unmapped
from tieline.entrypoints.chaos.places import PARTS, calm
from tieline.entrypoints.chaos.run import quiet
from tieline.entrypoints.chaos.stage import Stage, api_key, staged
from tieline.entrypoints.chaos.workload import Firm

pytestmark = pytest.mark.chaos
CONTRACTS = 4


async def test_F40_a_hub_that_was_set_back_comes_to_the_same_end_and_makes_nothing_twice() -> None:
    seed = int(os.environ.get("TIELINE_CHAOS_SEED") or secrets.randbelow(1 << 31))
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="tieline-safe-") as safe, staged() as stage:
        os.chmod(safe, 0o711)
        async with nursery(stage.folder / "nursery.log", [PARTS]) as born:
            key = await api_key(stage)
            await asyncio.to_thread(run_backup, stage.settings, Path(safe) / "backup")
            async with sender(stage.edges, key, stage.inbox_secret, seed) as hands:
                firm = Firm(stage.clm, hands, patience_s=90)
                signed = papers(CONTRACTS, seed, datetime.now(UTC).date())
                instant = await _ahead(stage, born, firm, signed, chance)
                before = await asyncio.to_thread(state.state, stage.witness)
                writes = len(stage.erp.journal())
                await asyncio.to_thread(_set_back, stage, Path(safe) / "backup", instant)
                evidence = await _again(stage, born, firm, signed)
        after = await asyncio.to_thread(state.state, stage.witness)
    assert writes > 0
    assert state.differences(after, before) == [], f"seed {seed}"
    # D1 and O1 count the ERP's journal against intents, some of which were given up.
    wrong = {name: verdicts.INVARIANTS[name](evidence) for name in ("D2", "M1", "M2", "C1")}
    assert not any(wrong.values()), f"seed {seed}: {wrong}"
    for kind, rows in evidence.erp.items():
        ours = Counter(row["externalid"] for row in rows if row.get("externalid"))
        assert {key: n for key, n in ours.items() if n > 1} == {}, f"{kind}, seed {seed}"


async def _ahead(stage: Stage, born: Nursery, firm: Firm, signed: list[Paper], chance: random.Random) -> datetime:
    """Everything is worked through to the last posting. Answers an instant somewhere on the way."""
    enough = chance.randint(15, 70)
    async with calm(stage, _killer(stage, born)):
        async with asyncio.TaskGroup() as group:
            await firm.sign(unmapped(signed[0].through[1]))
            for paper in signed:
                group.create_task(firm.through(paper))
            await until("writes in the ERP", lambda: len(stage.erp.journal()) >= enough, 60)
            instant = datetime.now(UTC)
        await until("all queues are empty", partial(quiet, stage), 60)
    return instant


def _set_back(stage: Stage, safe: Path, instant: datetime) -> None:
    stage.store.cluster.stop()
    run_restore(stage.settings, safe, instant, "tests", "a rehearsal")
    stage.store.cluster = launcher.start(stage.settings.home)  # type: ignore[union-attr]


async def _again(stage: Stage, born: Nursery, firm: Firm, signed: list[Paper]) -> Evidence:
    """Those who hand in do so again; the CLM is polled from where the cursor stands now."""
    firm.sender.heard.clear()
    firm.releases.clear()
    async with calm(stage, _killer(stage, born)):
        async with asyncio.TaskGroup() as group:
            for paper in signed:
                group.create_task(firm.worked(paper))
        await until("all queues are empty", partial(quiet, stage), 60)
        return await asyncio.to_thread(
            partial(gathered, stage, firm, signed, reused_id=(409, 0), in_time=True, quiet_s=0.0)
        )


def _killer(stage: Stage, born: Nursery) -> Killer:
    return Killer(born, stage.folder, random.Random(0), lambda: 0)

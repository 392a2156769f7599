"""F45: two versions work on one store while contracts become invoices; forward, back, forward again, and the last step.

Every step of the migration is killed at each of its crash points first, while the firm works. Nobody who hands in sees an
error, nothing is lost, nothing is doubled, and the ledger is right to the cent.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx2
import psycopg
import pytest
from front import Front, standing_before
from rolling import PLACES, Fleet, Load, StrictClient, faults_told, fleet, sender_errors
from trees import NoHistory, earlier
from versions import Version

from tieline.adapters.postgres import launcher, roles
from tieline.engine.crashpoints import MIGRATION_POINTS
from tieline.entrypoints.chaos import verdicts
from tieline.entrypoints.chaos.client import Sender
from tieline.entrypoints.chaos.evidence import Evidence, gathered
from tieline.entrypoints.chaos.killer import counter, until
from tieline.entrypoints.chaos.paper import papers
from tieline.entrypoints.chaos.run import quiet, reuse_an_id
from tieline.entrypoints.chaos.stage import TENANT, Stage, api_key, staged
from tieline.entrypoints.chaos.workload import Firm
from tieline.entrypoints.demo.stage import register_receiver

pytestmark = pytest.mark.chaos
CONTRACTS_MAX = int(os.environ.get("TIELINE_UPGRADE_CONTRACTS", "150"))
BETWEEN_S = 0.7
QUIET_WITHIN_S = 66.0
# What a campaign of faults must have seen; here nothing but the versions changes.
OF_FAULTS = {"no effect was ever repeated", "no webhook was delivered twice"}
SLOW = [{"fault": {"code": "F8", "delay_ms": 120}, "match": {"method": "POST"}}]


async def test_F45_from_the_former_commit_to_this_one_and_back_under_load(
    tmp_path: Path, say: Callable[[str], None]
) -> None:
    with staged() as stage:
        try:
            former = Version(source=earlier(tmp_path), config=stage.config)
        except NoHistory as reason:
            say(f"upgrade from the former commit: NOT RUN. {reason}")
            return
        await _upgraded(stage, former, Version(source=None, config=stage.config), say)


async def test_F45_from_this_version_to_a_following_one_and_back_under_load(
    next_source: Path, say: Callable[[str], None]
) -> None:
    with staged() as stage:
        following = Version(source=next_source, config=stage.config)
        await _upgraded(stage, Version(source=None, config=stage.config), following, say)


async def _upgraded(stage: Stage, old: Version, new: Version, say: Callable[[str], None]) -> None:
    seed = int(os.environ.get("TIELINE_CHAOS_SEED") or secrets.randbelow(1 << 31))
    began = time.monotonic()
    _laid_by(old, stage)
    stage.erp.faults(SLOW)
    key = await api_key(stage)
    in_flight = counter(lambda: stage.store.admin)
    async with (
        standing_before(*stage.ports) as front,
        fleet(stage, {"old": old, "new": new}, in_flight) as ships,
        StrictClient() as client,
    ):
        await ships.fill("old")
        register_receiver(stage.clm, f"{front.url}/hooks/{TENANT}/ironclad")
        hands = Sender((front.url,), key, stage.inbox_secret, random.Random(seed), client)
        load = Load(Firm(stage.clm, hands, patience_s=120), papers(CONTRACTS_MAX, seed, datetime.now(UTC).date()))
        working = asyncio.create_task(load.run())
        try:
            await _through_all_versions(ships, new, working)
            load.enough.set()
            evidence = await _at_rest(stage, load, working)
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
        await ships.stop()
    errors = sender_errors(client, front, evidence.deliveries)
    say(_ledger(seed, ships, load, client, front, errors, time.monotonic() - began))
    assert Counter(error[:120] for error in errors) == {}, faults_told(stage)
    assert ships.badly_ended == []
    assert max(ships.seen_in_flight) >= 1, "nothing was under way when a process was exchanged"
    wrong = {name: sorted(set(judge(evidence)) - OF_FAULTS) for name, judge in verdicts.INVARIANTS.items()}
    assert {name: found for name, found in wrong.items() if found} == {}, f"seed {seed}"


async def _through_all_versions(ships: Fleet, new: Version, working: asyncio.Task[None]) -> None:
    await asyncio.sleep(3)
    await _step(new, "--pre")
    for place in PLACES:
        await _exchanged(ships, place, "new", working)
        if place == "worker-0":
            refused = await asyncio.to_thread(new.run, "upgrade", "--post")
            assert refused.returncode == 6, refused.stdout
            assert "Older processes are at work" in refused.stderr
    for place in PLACES:
        await _exchanged(ships, place, "old", working, kill=not place.startswith("edge"))
    for place in PLACES:
        await _exchanged(ships, place, "new", working)
    await _step(new, "--post")
    await asyncio.sleep(1)


async def _exchanged(
    ships: Fleet, place: str, version: str, working: asyncio.Task[None], *, kill: bool = False
) -> None:
    await ships.exchange(place, version, kill=kill)
    await asyncio.wait({working}, timeout=BETWEEN_S)
    if working.done():
        working.result()


async def _step(new: Version, step: str) -> None:
    """Killed at every one of its points, then through. A version without a migration of this step only has the others."""
    said = json.loads((await asyncio.to_thread(new.run, "upgrade", "--check", "--json")).stdout)
    migrates = any(f"_{step.strip('-')}_" in change for change in said["pending"])
    for point in MIGRATION_POINTS if migrates else MIGRATION_POINTS[2:]:
        killed = await asyncio.to_thread(new.run, "upgrade", step, crash=point)
        assert killed.returncode == -signal.SIGKILL, f"{point} of {step}: {killed.returncode} {killed.stderr}"
    done = await asyncio.to_thread(new.run, "upgrade", step)
    assert done.returncode == 0, done.stderr


async def _at_rest(stage: Stage, load: Load, working: asyncio.Task[None]) -> Evidence:
    stage.erp.heal()
    began = time.monotonic()
    await asyncio.wait_for(asyncio.shield(working), QUIET_WITHIN_S)
    await until("all queues are empty", partial(quiet, stage), QUIET_WITHIN_S)
    took = time.monotonic() - began
    async with httpx2.AsyncClient(timeout=10.0) as asking:  # what follows is meant to be refused
        load.firm.sender.http = asking
        reused = await reuse_an_id(stage, load.firm)
    return await asyncio.to_thread(
        partial(gathered, stage, load.firm, load.signed, reused_id=reused, in_time=took < QUIET_WITHIN_S, quiet_s=took)
    )


def _laid_by(version: Version, stage: Stage) -> None:
    """An empty store of this version, by its own code."""
    with psycopg.connect(stage.store.cluster.conninfo(roles.ADMIN, "postgres"), autocommit=True) as connection:
        connection.execute(f'drop database "{launcher.DATABASE}" with (force)')
        connection.execute(f'create database "{launcher.DATABASE}"')
    order = "import sys; from tieline.adapters.postgres import migrate; migrate.migrate(sys.argv[1])"
    subprocess.run([sys.executable, "-c", order, stage.store.admin], env=version.environment(), check=True)


def _ledger(
    seed: int, ships: Fleet, load: Load, client: StrictClient, front: Front, errors: list[str], took_s: float
) -> str:
    return (
        f"upgrade: seed {seed}, {len(load.signed)} contracts signed, {client.requests} requests, {front.refused} doors found closed, "
        f"{len(errors)} sender errors; {sum(ships.rolled.values())} processes exchanged ({dict(ships.rolled)}), "
        f"in flight at exchanges max {max(ships.seen_in_flight)} total {sum(ships.seen_in_flight)}; {took_s:.0f} s"
    )

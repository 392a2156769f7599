"""A deliverer that is killed repeats, and never skips: what was not stored is sent again by its successor."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from desk import desk
from receiver import OK, Received, Receiver, receiving

from database import Database
from tieline.adapters.postgres import roles
from tieline.engine.duties import DutyLost, Term
from tieline.engine.duties.duty import _term

LANES = ("contract:a", "contract:b", "contract:c")


def start(database: Database, crash: str = "") -> subprocess.Popen[bytes]:
    script = Path(__file__).with_name("deliver_process.py")
    environment = {**os.environ, "TIELINE_CRASH": crash}
    return subprocess.Popen([sys.executable, str(script), database.conninfo(roles.SCHEDULER)], env=environment)


def check(partner: Receiver, ids: dict[str, list[str]]) -> None:
    """Each at least once, every first delivery in the order of its lane."""
    for lane, expected in ids.items():
        firsts = list(dict.fromkeys(each.id for each in partner.taken if each.lane == lane))
        assert firsts == expected


@pytest.mark.parametrize("after", [1, 17, 40])
async def test_F25_killed_in_the_middle_of_a_batch_nothing_is_skipped(database: Database, after: int) -> None:
    """SIGKILL while the receiver has `after` messages and the deliverer has stored none of them."""
    kill: Callable[[], None] = lambda: None  # noqa: E731

    def answer(message: Received) -> tuple[int, dict[str, str]]:
        if len(partner.received) == after:
            kill()
        return OK

    async with desk(database) as at, receiving(answer) as partner:
        endpoint_id = await at.add(partner.url())
        ids = {lane: [str(i) for i in at.publish(lane, 30)] for lane in LANES}
        child = start(database)
        kill = lambda: os.kill(child.pid, signal.SIGKILL)  # noqa: E731
        assert await asyncio.to_thread(child.wait, 30) == -signal.SIGKILL
        at.clock.forward(seconds=60)
        assert (await at.endpoint(endpoint_id))["position"] < 90
        await at.until_quiet()
        check(partner, ids)
        assert len(partner.taken) <= 90 + 100  # at most the batch that was under way is repeated


@pytest.mark.parametrize("point", ["before_delivery_commit", "after_delivery_commit"])
async def test_F25_killed_around_the_commit_nothing_is_skipped(database: Database, point: str) -> None:
    async with desk(database) as at, receiving() as partner:
        await at.add(partner.url())
        ids = {lane: [str(i) for i in at.publish(lane, 50)] for lane in LANES}
        child = start(database, f"{point}:1")
        assert await asyncio.to_thread(child.wait, 30) == -signal.SIGKILL
        await at.until_quiet()
        check(partner, ids)
        doubled = len(partner.taken) - 150
        assert doubled == 0 if point == "after_delivery_commit" else 0 < doubled <= 100


async def test_D5_a_deliverer_that_lost_the_duty_sends_and_stores_nothing_more(database: Database) -> None:
    async with desk(database) as at, receiving() as partner:
        endpoint_id = await at.add(partner.url())
        at.publish("contract:a", 3)
        await at.rows(
            "insert into duties (duty, every_s, owner, epoch) values ('deliver', 1, 'successor', 7) returning 1"
        )
        for deadline, sent in ((0.0, 0), (float("inf"), 3)):  # after the lease; and with a lease it only believes in
            token = _term.set(Term("deliver", 6, "predecessor", deadline))
            try:
                with pytest.raises(DutyLost):
                    await at.round()
            finally:
                _term.reset(token)
            assert len(partner.received) == sent
            assert (await at.endpoint(endpoint_id))["position"] == 0
            assert await at.rows("select * from delivery_attempts") == []

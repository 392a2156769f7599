"""Workers come and go in order while there is work: they share it, and nothing is lost or done twice."""

from __future__ import annotations

import asyncio

import pytest
from kv_runs import KINDS, KvStage

pytestmark = pytest.mark.chaos
ITEMS = 60


async def test_two_workers_share_a_third_joins_one_leaves_nothing_is_lost_and_nothing_is_done_twice(
    stage: KvStage,
) -> None:
    first, second = [await stage.worker(name) for name in ("first", "second")]
    await _shares(stage, 2, at_least=120)
    working = asyncio.create_task(_work(stage, version=1))
    third = await stage.worker("third")
    await _shares(stage, 3, at_least=80)
    await working
    working = asyncio.create_task(_work(stage, version=2))
    assert (await first.stop()).code == 0
    await _shares(stage, 2, at_least=120)
    await working
    await stage.at_rest()
    effects = await stage.effects()
    assert {row["state"] for row in effects} == {"ok"}
    assert stage.executions() == {row["hex"]: 1 for row in effects}
    assert len(effects) == ITEMS * len(KINDS) * 2
    assert len({row["worker"] for row in effects}) == 3
    assert {key: seen for key, seen in stage.revisions().items() if seen != [1, 2]} == {}
    for child in (second, third):
        assert (await child.stop()).code == 0


async def _work(stage: KvStage, version: int) -> None:
    for n in range(ITEMS):
        await stage.world.send(id=f"item{n}", version=version, kinds=dict.fromkeys(KINDS, f"{n} version {version}"))
        await asyncio.sleep(0.03)


async def _shares(stage: KvStage, count: int, at_least: int) -> None:
    """All shards are owned, fairly."""
    await stage.world.until(
        "select 1 from (select owner, count(*) as n from shards where owner is not null group by owner) s"
        " having count(*) = %s and min(n) >= %s and sum(n) = 256", count, at_least,
    )  # fmt: skip

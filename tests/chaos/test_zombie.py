"""A worker that slept past its lease wakes up in a world that went on without it (F26): it changes nothing (D5)."""

from __future__ import annotations

import asyncio
import signal

import pytest
from kv_runs import KvStage

pytestmark = pytest.mark.chaos
SLOW = [{"fault": {"code": "F8", "delay_ms": 400}, "match": {"method": "POST"}}]


async def test_D5_a_worker_that_wakes_after_its_lease_sends_nothing_and_writes_nothing(stage: KvStage) -> None:
    stage.kv.faults(SLOW)
    sleeper = await stage.worker("sleeper")
    for n in range(24):  # three times as many as the system takes at once: some are sent, some wait for their turn
        await stage.world.send(id=f"item{n}", version=1, kinds={"q": f"value {n}"})
    await stage.world.until("select 1 from effects where state = 'intent' having count(*) > 8")
    sleeper.send(signal.SIGSTOP)
    interrupted = {row["hex"] for row in await stage.effects("state = 'intent'")}
    successor = await stage.worker("successor")
    await stage.at_rest()
    before = await _what_the_successor_found(stage)
    sleeper.send(signal.SIGCONT)
    await stage.world.send(id="after", version=1, kinds={"q": "later"})
    await stage.at_rest()
    await _both_share_the_work_again(stage)
    assert await _what_the_successor_found(stage) == before
    assert interrupted
    assert interrupted <= set(stage.executions("q"))
    assert set(stage.executions("q").values()) == {1}
    assert len(stage.executions("q")) == 25
    for child in (sleeper, successor):
        assert (await child.stop()).code == 0


async def _what_the_successor_found(stage: KvStage) -> list[dict[str, object]]:
    return await stage.world.rows(
        "select e.effect_key, e.state, e.worker, e.epoch, e.attempt, e.settled_at, e.external, e.outcome, r.status, r.observed_at"
        " from effects e join replicas r using (tenant_id, replica_id) where r.key <> 'after' order by e.effect_key"
    )


async def _both_share_the_work_again(stage: KvStage) -> None:
    """The sleeper is back as a worker like any other: with new epochs, not with its old ones."""
    await stage.world.until(_SHARED)
    await asyncio.sleep(0.5)  # its late answers, if it had any left to write, would be there by now


_SHARED = """select 1 from workers w where lease_until > clock_timestamp()
  and (select count(*) from shards s where s.owner = w.worker_id) >= 100 having count(*) = 2"""

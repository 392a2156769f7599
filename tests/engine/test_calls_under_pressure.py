"""The engine against a vendor that bears less than hoped, or nothing at all: real HTTP, real store."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import pytest
from world import World, world  # the engine's own small world

from database import Database
from tieline.twins.process import Served


async def _many(w: World, count: int) -> None:
    for n in range(count):
        await w.send(id=f"a{n}", version=1, kinds={"k_put": "one"})


@pytest.mark.parametrize(
    "dialect", ["429_seconds", "429_date", "429_none", "429_concurrency", "403_limit", "400_limit", "500_soap"]
)
async def test_F7_every_dialect_of_too_many_ends_in_the_same_state_and_no_hold(
    database: Database, kv: Served, dialect: str
) -> None:
    kv.faults(
        [
            {
                "fault": {"code": "F7", "dialect": dialect, "retry_after_s": 1},
                "match": {"method": "PUT", "every": 3},
                "times": 6,
            }
        ]
    )
    async with world(database, kv.url) as w:
        w.start_worker()
        await _many(w, 12)
        await w.in_step(12)
        holds = await w.rows("select code from holds")
        budget = await w.rows("select turned_away from budgets where turned_away > 0")
    assert holds == []
    assert len(budget) == 1
    assert Counter(entry["natural_key"] for entry in kv.journal()) == dict.fromkeys((f"a{n}" for n in range(12)), 1)


async def test_F15_a_system_that_is_down_gets_at_most_one_probe_a_second_over_all_workers(
    database: Database, kv: Served
) -> None:
    kv.faults([{"fault": {"code": "F4", "status": 502}, "match": {"method": "PUT"}}])
    async with world(database, kv.url, life_s=0.5) as w:
        w.start_worker("w1")
        w.start_worker("w2")
        await _many(w, 40)
        await w.until("select 1 from circuits where state <> 'closed'")
        before = _fired(kv)
        began = await _store_now(w)
        await w.until("select 1 from circuits where failures >= 4", seconds=20)
        probes, took = _fired(kv) - before, (await _store_now(w) - began).total_seconds()
        assert probes <= took / 1.0 + 8, (probes, took)  # what was under way when it opened, then one a second
        kv.heal()
        await w.in_step(40, seconds=30)
        facts = await w.rows("select state from circuit_changes order by changed_at")
    assert [row["state"] for row in facts][:1] + [row["state"] for row in facts][-1:] == ["open", "closed"]


async def _store_now(w: World) -> datetime:
    now: datetime = (await w.rows("select clock_timestamp() as now"))[0]["now"]
    return now


def _fired(kv: Served) -> int:
    return sum(rule["fired"] for rule in kv.control("faults")["rules"])


async def test_the_slots_of_an_ended_worker_are_free_at_once(database: Database, kv: Served) -> None:
    async with world(database, kv.url) as w:
        worker = w.start_worker()
        await _many(w, 5)
        await w.in_step(5)
        assert len(await w.rows("select 1 from budget_shares")) == 1
        worker.stop()
        await w.running[0]
        assert await w.rows("select 1 from budget_shares") == []

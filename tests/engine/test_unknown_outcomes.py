"""After a call whose outcome nobody knows, each operation class goes its own way and nothing happens twice (D1, D4)."""

from __future__ import annotations

from collections import Counter

import pytest
from world import World, world

from database import Database
from tieline.twins.process import Served

LOST_ANSWERS = [
    {"code": "F1", "hold_s": 5},
    {"code": "F2", "hold_s": 5},
    {"code": "F3", "where": "before_headers", "effect": True},
    {"code": "F3", "where": "before_headers", "effect": False},
    {"code": "F3", "where": "mid_body", "effect": True},
    {"code": "F4", "status": 502, "effect": True},
    {"code": "F4", "status": 500, "effect": False},
    {"code": "F5", "shape": "truncated"},
    {"code": "F5", "shape": "html"},
]
IDS = ["-".join(str(v) for v in fault.values()) for fault in LOST_ANSWERS]


def effects_by_key(kv: Served) -> Counter[str]:
    return Counter(entry["payload"]["effect"] for entry in kv.journal())


@pytest.mark.parametrize("fault", LOST_ANSWERS, ids=IDS)
async def test_D4_a_lost_answer_is_recovered_by_key_or_by_looking_and_the_effect_happens_once(
    database: Database, kv: Served, fault: dict[str, object]
) -> None:
    kv.faults([{"fault": fault, "match": {"method": method}, "times": 2} for method in ("POST", "PUT")])
    async with world(database, kv.url, window_s=0.2, life_s=0.5) as w:
        w.start_worker()
        await w.send(id="a1", version=1, kinds={"k_put": "one", "k_once": "two", "q": "three"})
        await w.in_step(3, seconds=25)
        await _every_effect_is_known(w)
    counts = effects_by_key(kv)
    assert len(counts) == 3
    assert {key: n for key, n in counts.items() if n > 1 and not _is_put(kv, key)} == {}


def _is_put(kv: Served, key: str) -> bool:
    """K-put may be executed again with the same bytes: it holds one document whatever happens."""
    return any(e["payload"]["effect"] == key and e["kind"] == "k-put" for e in kv.journal())


async def _every_effect_is_known(w: World) -> None:
    assert await w.rows("select 1 from effects where state in ('intent', 'unknown')") == []


async def test_D4_class_N_is_never_repeated_by_itself_and_a_person_is_asked(database: Database, kv: Served) -> None:
    kv.faults([{"fault": {"code": "F1", "hold_s": 5}, "match": {"method": "POST", "path_regex": "/n/"}, "times": 1}])
    async with world(database, kv.url, life_s=0.4) as w:
        w.start_worker()
        await w.send(id="a1", version=1, kinds={"n": "once"})
        hold = await w.until("select * from holds where code = 'AMBIGUOUS' and lifted_at is null")
        assert hold[0]["owner"] == "integration"
        await w.send(id="a2", version=1, kinds={"n": "other"})
        await w.in_step(1)
    assert Counter(e["natural_key"] for e in kv.journal()) == {"a1": 1, "a2": 1}


async def test_class_Q_waits_for_the_search_to_catch_up_before_it_decides(database: Database, kv: Served) -> None:
    """Looking at once would miss the finished write and create a second one."""
    kv.faults([{"fault": {"code": "F3", "where": "before_headers", "effect": True}, "match": {"method": "POST"}, "times": 1},
               {"fault": {"code": "F9", "lag_s": 0.6}, "match": {"method": "GET", "path_regex": "marker="}}])  # fmt: skip
    async with world(database, kv.url, window_s=0.8, life_s=0.3) as w:
        w.start_worker()
        await w.send(id="a1", version=1, kinds={"q": "three"})
        await w.in_step(1)
    assert len(kv.journal()) == 1


async def test_a_refusal_holds_only_its_own_replica_and_says_how_to_go_on(database: Database, kv: Served) -> None:
    kv.faults([{"fault": {"code": "F6"}, "match": {"method": "PUT"}, "times": 1}])
    async with world(database, kv.url) as w:
        w.start_worker()
        await w.send(id="a1", version=1, kinds={"k_put": "one", "k_once": "two"})
        held = await w.until("select * from holds where source = 'push' and lifted_at is null")
        assert held[0]["way_out"] == "tieline retry"
        await w.until("select 1 from replicas where kind = 'k_once' and status = 'in_step'")
        assert [r["status"] for r in await w.rows("select status from replicas where kind = 'k_put'")] == ["held"]


async def test_an_outage_loses_nothing_and_ends_by_itself(database: Database, kv: Served) -> None:
    kv.faults([{"fault": {"code": "F15", "window_s": 1.5, "shape": "reset"}, "times": 1}])
    async with world(database, kv.url, life_s=0.5) as w:
        w.start_worker()
        for n in range(20):
            await w.send(id=f"a{n}", version=1, kinds={"k_put": "one", "k_once": "two"})
        await w.in_step(40, seconds=30)
    assert {n for key, n in effects_by_key(kv).items()} == {1}


async def test_F7_a_throttled_system_is_paused_as_long_as_it_asks(database: Database, kv: Served) -> None:
    kv.faults(
        [
            {
                "fault": {"code": "F7", "dialect": "429_seconds", "retry_after_s": 3},
                "match": {"method": "PUT"},
                "times": 1,
            }
        ]
    )
    async with world(database, kv.url) as w:
        w.start_worker()
        await w.send(id="a1", version=1, kinds={"k_put": "one"})
        await w.in_step(1)
        took = await w.rows("select extract(epoch from settled_at - intended_at) as s, attempt from effects")
        assert took[0]["s"] >= 3  # longer than a budget is silent by itself
        assert took[0]["attempt"] == 2

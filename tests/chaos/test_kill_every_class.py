"""Workers die at every crash point while all four operation classes are written to a system that loses answers (D4)."""

from __future__ import annotations

import asyncio

import pytest
from kv_runs import KINDS, POINTS, KvStage

from tieline.entrypoints.chaos.killer import until

pytestmark = pytest.mark.chaos
ITEMS, VERSIONS, KILLS = 30, 4, 30
FAULTS = [
    {"fault": {"code": "F1", "hold_s": 4}, "match": {"method": "POST", "rate": 0.03, "seed": 1}},
    {"fault": {"code": "F1", "hold_s": 4}, "match": {"method": "PUT", "rate": 0.03, "seed": 2}},
    {"fault": {"code": "F3", "where": "mid_body", "effect": True}, "match": {"method": "POST", "rate": 0.04, "seed": 3}},
    {"fault": {"code": "F3", "where": "before_headers", "effect": False}, "match": {"method": "PUT", "rate": 0.04, "seed": 4}},
    {"fault": {"code": "F4", "status": 502, "effect": True}, "match": {"method": "PUT", "rate": 0.04, "seed": 5}},
    {"fault": {"code": "F8", "delay_ms": 400}, "match": {"method": "POST", "rate": 0.05, "seed": 6}},
    {"fault": {"code": "F9", "lag_s": 0.25}, "match": {"method": "GET", "path_regex": "marker=", "rate": 0.3, "seed": 7}},
]  # fmt: skip


async def test_D1_D4_O1_A1_each_class_goes_its_own_way_and_no_effect_happens_twice(stage: KvStage) -> None:
    stage.kv.faults(FAULTS)
    killer = stage.killer
    async with asyncio.TaskGroup() as group:
        group.create_task(killer.haunt(stage.role("a"), "a"))
        group.create_task(killer.haunt(stage.role("b"), "b"))
        await _work(stage)
        await until("enough kills", lambda: killer.ledger.total >= KILLS, 45)
        killer.enough.set()
    stage.kv.heal()
    calm = [await stage.worker(name) for name in ("calm-a", "calm-b")]
    await stage.at_rest()
    for child in calm:
        assert (await child.stop()).code == 0
    await _judge(stage)
    hit, flight = killer.points_hit(), killer.ledger.in_flight
    stage.say(
        f"kill test of every class: {killer.ledger.total} kills, {len(hit)} of {len(POINTS)} crash points, in flight at "
        f"kills max {max(flight)} total {sum(flight)}, {len(await stage.effects())} effects"
    )


async def _work(stage: KvStage) -> None:
    """Every version changes three documents; class N is written once, since nobody may repeat it."""
    for version in range(1, VERSIONS + 1):
        for n in range(ITEMS):
            kinds = dict.fromkeys(KINDS, f"{n} version {version}") | {"n": f"{n}"}
            await stage.world.send(id=f"item{n}", version=version, kinds=kinds)
            await asyncio.sleep(0.1)


async def _judge(stage: KvStage) -> None:
    effects = await stage.effects()
    done = {row["hex"] for row in effects if row["state"] == "ok"}
    asked = {row["hex"] for row in effects if row["state"] == "ambiguous"}
    assert {row["kind"] for row in effects if row["hex"] in asked} <= {"n"}
    for kind in ("k_once", "q", "n"):
        assert {key: n for key, n in stage.executions(kind).items() if n > 1} == {}, kind
    assert done <= set(stage.executions()) <= done | asked
    assert {key: seen for key, seen in stage.revisions().items() if seen != sorted(seen)} == {}
    newest = await stage.world.rows("select kind, key, doc->>'value' as value from replicas where kind <> 'n'")
    assert {row["value"].partition(" ")[2] for row in newest} == {f"version {VERSIONS}"}
    assert len(newest) == ITEMS * len(KINDS)
    holds = await stage.world.rows("select subject from holds where lifted_at is null and code = 'AMBIGUOUS'")
    assert {row["subject"] for row in holds} == {row["replica_id"] for row in effects if row["hex"] in asked}

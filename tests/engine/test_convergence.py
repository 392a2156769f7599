"""Desired, observed, difference: the engine closes the difference once, in order, and then is silent."""

from __future__ import annotations

from world import world

from database import Database
from tieline.twins.process import Served


async def test_a_new_record_reaches_every_system_once_and_is_read_back(database: Database, kv: Served) -> None:
    async with world(database, kv.url) as w:
        w.start_worker()
        await w.send(id="a1", version=1, kinds={"k_put": "one", "k_once": "two", "q": "three", "n": "four"})
        await w.in_step(4)
    assert sorted(e["natural_key"] for e in kv.journal()) == ["a1"] * 4


async def test_O1_a_newer_version_replaces_the_older_one_in_order(database: Database, kv: Served) -> None:
    async with world(database, kv.url) as w:
        w.start_worker()
        for version in range(1, 6):
            await w.send(id="a1", version=version, kinds={"k_put": f"value {version}"})
        await w.until("select 1 from replicas where status = 'in_step' and doc->>'value' = 'value 5'")
    revisions = [e["payload"]["revision"] for e in kv.journal()]
    assert revisions == sorted(revisions)
    assert kv.journal()[-1]["payload"]["value"] == "value 5"


async def test_O2_a_stale_version_changes_nothing_and_ends_as_superseded(database: Database, kv: Served) -> None:
    async with world(database, kv.url) as w:
        w.start_worker()
        await w.send(id="a1", version=2, kinds={"k_put": "new"})
        await w.in_step(1)
        await w.send(id="a1", version=1, kinds={"k_put": "old"})
        await w.until("select 1 from inputs where status = 'superseded'")
    assert [e["payload"]["value"] for e in kv.journal()] == ["new"]


async def test_a_hold_freezes_what_exists_and_is_lifted_when_its_cause_is_gone(database: Database, kv: Served) -> None:
    async with world(database, kv.url) as w:
        w.start_worker()
        await w.send(id="a1", version=1, kinds={"k_put": "one"})
        await w.in_step(1)
        await w.send(id="a1", version=2, kinds={"k_put": "two"}, blocked=True)
        await w.until("select 1 from holds where code = 'BLOCKED' and lifted_at is null")
        assert [e["payload"]["value"] for e in kv.journal()] == ["one"]
        await w.send(id="a1", version=3, kinds={"k_put": "three"})
        await w.until("select 1 from replicas where status = 'in_step' and doc->>'value' = 'three'")
        await w.until("select 1 from holds where code = 'BLOCKED' and lifted_at is not null")


async def test_what_comes_after_waits_until_its_predecessor_is_settled(database: Database, kv: Served) -> None:
    async with world(database, kv.url) as w:
        w.start_worker()
        await w.send(id="a1", version=1, chain=True, kinds={"k_put": "one", "k_once": "two", "q": "three"})
        await w.in_step(3)
    assert [e["kind"] for e in kv.journal()] == ["k-once", "k-put", "q"]

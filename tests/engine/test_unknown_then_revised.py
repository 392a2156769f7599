"""Found by the kill test: a newer plan must not make the engine forget a call whose outcome nobody knows."""

from __future__ import annotations

import pytest
from world import world

from database import Database
from tieline.twins.process import Served


@pytest.mark.parametrize("kind", ["k_put", "k_once", "q"])
async def test_O1_an_unknown_effect_is_settled_before_the_revision_that_was_planned_since_is_sent(
    database: Database, kv: Served, kind: str
) -> None:
    silence = {"code": "F1", "hold_s": 5}
    kv.faults([{"fault": silence, "match": {"method": method}, "times": 2} for method in ("POST", "PUT")])
    async with world(database, kv.url, window_s=0.2, life_s=0.5) as w:
        w.start_worker()
        await w.send(id="a1", version=1, kinds={kind: "one"})
        await w.until("select 1 from replicas where status = 'unknown'")
        await w.send(id="a1", version=2, kinds={kind: "two"})
        await w.until("select 1 from replicas where status = 'in_step' and doc->>'value' = 'two'")
        effects = await w.rows("select revision, state, payload from effects order by revision")
    assert [(row["revision"], row["state"], row["payload"]) for row in effects] == [(1, "ok", None), (2, "ok", None)]
    revisions = [entry["payload"]["revision"] for entry in kv.journal()]
    assert revisions == sorted(revisions)
    assert set(revisions) == {1, 2}


async def test_L2_a_refused_input_names_its_reason_and_its_owner(database: Database, kv: Served) -> None:
    async with world(database, kv.url) as w:
        w.start_worker()
        await w.send(id="a1", version="not a number", kinds={"k_put": "one"})
        found = await w.until("select reason, owner from inputs where status = 'rejected'")
    assert found == [{"reason": "MAPPING_DEFECT", "owner": "integration"}]

"""L5, V2: what is unfinished and late, or nobody's turn, is found, told on its lane, and told no more when it is done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from database import Database
from tieline.adapters.postgres import roles
from tieline.adapters.postgres.pools import pool
from tieline.engine.clock import MovedClock
from tieline.engine.duties import liveness, watches
from tieline.engine.duties.liveness import Monitor
from tieline.ports.clock import WALL, BusinessClock

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
TENANT = "acme"
LANE = "item:1"


class House:
    """One tenant's tables, written to as the administrator, watched as the scheduler."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = NOW
        self.clock: BusinessClock = WALL

    def run(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self.database.admin, autocommit=True, row_factory=dict_row) as connection:
            done = connection.execute(sql.encode(), parameters)
            return done.fetchall() if done.description else []

    def lane(self, name: str = LANE, wake_at: datetime | None = None) -> None:
        self.run("insert into lanes (tenant_id, lane, shard, wake_at) values (%s, %s, 1, %s)", TENANT, name, wake_at)

    def replica(self, status: str, latest_at: datetime | None, *, actor: str = "erp", lane: str = LANE) -> str:
        rid = f"erp/item/{lane}/{status}"
        self.run(
            "insert into replicas (tenant_id, replica_id, lane, shard, system, kind, key, role, legal_entity, nature, doc,"
            " digest, status, config_version, planned_by, next_actor, latest_at)"
            " values (%s, %s, %s, 1, 'erp', 'item', '1', 'erp', 'E1', 'state', '{}', '', %s, 'c1', %s, %s, %s)",
            TENANT, rid, lane, status, lane, actor, latest_at,
        )  # fmt: skip
        return rid

    async def look(self) -> None:
        async with pool(self.database.conninfo(roles.SCHEDULER), "scheduler") as made:
            setup: Any = SimpleNamespace(clock=self.clock)
            await Monitor(made, {TENANT: setup}, lambda: self.now).round()

    def holds(self) -> list[dict[str, Any]]:
        return self.run("select * from holds where lifted_at is null order by lane")

    def watched(self) -> dict[str, int]:
        return {row["watch"]: row["overdue"] for row in self.run("select * from watches where overdue > 0")}


@pytest.fixture
def house(database: Database) -> House:
    return House(database)


async def test_V2_a_document_past_its_latest_time_is_told_on_its_contract_with_whose_turn_it_is(house: House) -> None:
    house.lane()
    house.replica("awaiting_approval", NOW - timedelta(hours=1), actor="approver")
    await house.look()
    (hold,) = house.holds()
    assert (hold["lane"], hold["code"], hold["source"]) == (LANE, "OVERDUE", "monitor")
    assert "2026-05-04 11:00 UTC" in hold["sentence"] and "turn of approver" in hold["sentence"]
    assert house.watched() == {"replicas": 1}
    (event,) = house.run("select type, lane_seq, data from events")
    assert (event["type"], event["lane_seq"]) == ("dev.tieline.hold.raised.v1", 1)


async def test_V2_the_alert_ends_when_the_work_is_done_and_both_are_journaled(house: House) -> None:
    house.lane()
    house.replica("awaiting_approval", NOW - timedelta(hours=1))
    await house.look()
    await house.look()  # seeing the same again says nothing new
    house.run("update replicas set status = 'in_step'")
    await house.look()
    assert house.holds() == []
    assert house.watched() == {}
    told = [row["type"] for row in house.run("select type from events order by lane_seq")]
    assert told == ["dev.tieline.hold.raised.v1", "dev.tieline.hold.lifted.v1"]
    assert house.run("select lane_seq from lanes") == [{"lane_seq": 2}]


async def test_what_is_in_time_or_finished_raises_no_alert(house: House) -> None:
    house.lane(wake_at=NOW + timedelta(days=30))
    for status in ("awaiting_approval", "held"):
        house.replica(status, NOW + timedelta(seconds=1))
    for status in ("in_step", "ended"):
        house.replica(status, NOW - timedelta(days=90))
    await house.look()
    assert house.holds() == []


@pytest.mark.parametrize("status", ["pending", "unknown", "written", "waiting"])
async def test_L5_what_nothing_will_ever_move_is_found_before_it_is_late(house: House, status: str) -> None:
    house.lane()
    rid = house.replica(status, NOW + timedelta(hours=3))
    await house.look()
    assert house.watched() == {"turns": 1}
    assert "nobody's turn" in house.holds()[0]["sentence"]
    if status == "waiting":
        house.run("insert into waits values (%s, 'other', %s, 1)", TENANT, rid)
    else:
        house.run(
            "insert into due (tenant_id, replica_id, system, shard, step) values (%s, %s, 'erp', 1, 'push')",
            TENANT,
            rid,
        )
    await house.look()
    assert house.watched() == {} and house.holds() == []


async def test_L5_what_has_no_latest_time_or_no_next_actor_is_late_at_once(house: House) -> None:
    house.lane("item:1")
    house.lane("item:2")
    house.replica("held", None, lane="item:1")
    house.replica("held", NOW + timedelta(days=1), actor="", lane="item:2")
    await house.look()
    assert [hold["lane"] for hold in house.holds()] == ["item:1", "item:2"]


async def test_L5_a_timer_that_did_not_go_off_a_plan_nobody_made_and_an_input_nobody_took_are_found(
    house: House,
) -> None:
    house.lane(wake_at=NOW - timedelta(minutes=2))
    house.run(
        "insert into lane_dirty (tenant_id, lane, shard, woken_at) values (%s, %s, 1, now() - interval '2 minutes')",
        TENANT, LANE,
    )  # fmt: skip
    house.run(
        "insert into intake (tenant_id, input_id, received_at, shard)"
        " values (%s, gen_random_uuid(), now() - interval '11 minutes', 1)",
        TENANT,
    )
    await house.look()
    assert house.watched() == {"timers": 1, "plans": 1, "inputs": 1}


async def test_L5_a_call_whose_outcome_nobody_finds_out_is_found(house: House) -> None:
    house.lane()
    house.run(
        "insert into effects (tenant_id, intended_at, effect_key, replica_id, lane, system, kind, verb, op_class, revision,"
        " payload_hash, state, worker, epoch, mapping_version, config_version, actor)"
        " values (%s, now(), 'k', 'r', %s, 'erp', 'item', 'put', 'Q', 1, 'h', 'intent', 'w', 1, 'm', 'c', 'tieline')",
        TENANT, LANE,
    )  # fmt: skip
    house.now = datetime.now(UTC)
    await house.look()
    assert house.watched() == {}
    house.now = datetime.now(UTC) + timedelta(minutes=11)
    await house.look()
    assert house.watched() == {"effects": 1}


async def test_L5_a_feed_that_nobody_seals_any_more_is_told_within_a_minute_and_no_contract_is_held(
    house: House,
) -> None:
    assert watches.UNSEALED_S + liveness.EVERY_S < 60
    house.lane()
    house.run(
        "insert into unsealed select %s, %s, n, gen_random_uuid(), now() - make_interval(secs => %s) "
        "from generate_series(1, 2) as n",
        TENANT, LANE, watches.UNSEALED_S - 1,
    )  # fmt: skip
    await house.look()
    assert house.watched() == {}
    house.run("update unsealed set recorded_at = recorded_at - interval '2 seconds' where lane_seq = 2")
    await house.look()
    assert house.watched() == {"feed": 1}
    assert house.holds() == [] and house.run("select from events") == []
    house.run("delete from unsealed")
    await house.look()
    assert house.watched() == {}


async def test_another_firm_sees_nothing_of_it(house: House) -> None:
    house.lane()
    house.replica("held", NOW - timedelta(hours=1))
    house.run("update replicas set tenant_id = 'other'")
    house.run("update lanes set tenant_id = 'other'")
    await house.look()
    assert house.holds() == []


async def test_more_late_lanes_than_are_read_at_once_are_counted_and_lose_no_alert(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tieline.engine.duties.liveness.LIMIT", 2)
    for number in range(5):
        house.lane(f"item:{number}")
        house.replica("held", NOW - timedelta(hours=9 - number), lane=f"item:{number}")
    await house.look()
    assert house.watched() == {"replicas": 5}
    assert len(house.holds()) == 2
    await house.look()
    assert len(house.holds()) == 2


def test_every_watch_continues_a_sentence_and_has_a_name_of_its_own() -> None:
    assert len({watch.name for watch in watches.WATCHES}) == len(watches.WATCHES)


async def test_V2_a_wake_up_is_late_by_business_time_and_documents_by_the_wall_clock(house: House) -> None:
    clock = MovedClock()
    clock.learn([(NOW, timedelta(days=30))])
    house.clock = clock
    house.lane(wake_at=NOW + timedelta(days=29))
    house.lane("item:2", wake_at=NOW + timedelta(days=31))
    house.replica("awaiting_approval", NOW + timedelta(hours=1), actor="approver")
    await house.look()
    assert house.watched() == {"timers": 1}

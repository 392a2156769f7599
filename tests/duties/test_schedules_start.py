"""What a schedule of tieline.yaml starts, in the very transaction that marks its instant as met."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from database import Database
from tieline.adapters.config import ScheduleSettings
from tieline.adapters.postgres import roles
from tieline.adapters.postgres.pools import pool as make_pool
from tieline.bootstrap.schedules import census, invoices, planning
from tieline.engine.duties.schedules import Schedule, meet
from tieline.kit.schedules import Daily, OnDay, Place, Rule

TENANT = "acme"
BERLIN = Place(zone="Europe/Berlin")
EVENING = datetime(2027, 2, 28, 17, tzinfo=UTC)  # 18:00 in Berlin on the last day of February


class Office:
    """The store as the administrator fills it, and schedules as the scheduler meets them."""

    def __init__(self, database: Database, pool: Any) -> None:
        self.database, self.pool = database, pool

    def run(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self.database.admin, autocommit=True, row_factory=dict_row) as connection:
            done = connection.execute(sql.encode(), parameters)
            return done.fetchall() if done.description else []

    def contract(self, name: str, *, entity: str = "DE01", charge_on: str = "", mark: str = "unbilled") -> None:
        lane = f"contract:{name}"
        self.run(
            "insert into lanes (tenant_id, lane, shard, legal_entity) values (%s, %s, 1, %s)", TENANT, lane, entity
        )
        if charge_on:
            self.run(
                "insert into records (tenant_id, kind, record_id, lane, version, source_system, source_version, digest, doc,"
                " lane_version, part, marks) values (%s, 'charge', %s, %s, 1, 'tieline', '1', '', %s, 1, 'p', array[%s])",
                TENANT, name, lane, json.dumps({"work_date": charge_on}), mark,
            )  # fmt: skip
            self.run(
                "insert into record_marks (tenant_id, lane, mark, kind, record_id, part) values (%s, %s, %s, 'charge', %s, 'p')",
                TENANT, lane, mark, name,
            )  # fmt: skip

    async def meet(self, each: ScheduleSettings, now: datetime, begun: datetime | None = None) -> None:
        act = {"census": census, "invoices": invoices, "planning": planning}[each.starts](TENANT, each)
        schedule = Schedule(
            tenant=TENANT, name=each.name, rule=each.rule, place=each.place, act=act, missed=each.missed
        )  # fmt: skip
        await meet(self.pool, schedule, begun or now - timedelta(hours=1))
        await meet(self.pool, schedule, now)

    def requests(self) -> list[dict[str, Any]]:
        rows = self.run("select body, channel, principal from inputs order by source_id")
        return [{**json.loads(bytes(row["body"])), "channel": row["channel"]} for row in rows]


def schedule(starts: Any, rule: Rule | None = None, **more: Any) -> ScheduleSettings:
    rule = rule or OnDay(number=-1, at=time(18))
    values: dict[str, Any] = {
        "name": "month-end/DE01", "legal_entity": "DE01", "when": "", "rule": rule, "place": BERLIN, "missed": "latest",
    }  # fmt: skip
    return ScheduleSettings(**values | {"starts": starts} | more)


@pytest.fixture
async def office(database: Database) -> AsyncIterator[Office]:
    async with make_pool(database.conninfo(roles.SCHEDULER), "scheduler", 1, 4) as made:
        yield Office(database, made)


async def test_an_invoice_is_asked_for_only_where_something_is_to_be_billed_by_then(office: Office) -> None:
    office.contract("worked", charge_on="2027-02-28")
    office.contract("waits", charge_on="2027-02-10", mark="open")
    office.contract("later", charge_on="2027-03-01")
    office.contract("billed", charge_on="2027-02-10", mark="invoiced")
    office.contract("idle")
    office.contract("elsewhere", entity="US01", charge_on="2027-02-10")
    await office.meet(schedule("invoices"), EVENING)
    asked = sorted(office.requests(), key=lambda each: each["contract_id"])
    assert [each["contract_id"] for each in asked] == ["waits", "worked"]
    assert {(each["through"], each["invoice_date"]) for each in asked} == {("2027-02-28", "2027-02-28")}
    assert {(each["requested_by"], each["channel"]) for each in asked} == {("schedule:month-end/DE01", "timer")}


async def test_the_day_of_an_invoice_is_the_legal_entitys_and_not_UTCs(office: Office) -> None:
    office.contract("worked", charge_on="2027-02-28")
    kiritimati = Place(zone="Pacific/Kiritimati")
    first = schedule("invoices", OnDay(number=1, at=time(8)), place=kiritimati)
    await office.meet(first, datetime(2027, 2, 28, 18, tzinfo=UTC))
    assert [(each["through"], each["invoice_date"]) for each in office.requests()] == [("2027-02-28", "2027-03-01")]


async def test_D6_two_schedulers_and_a_clock_that_jumps_back_ask_for_one_invoice(office: Office) -> None:
    office.contract("worked", charge_on="2027-02-01")
    for now in (EVENING, EVENING - timedelta(minutes=10), EVENING + timedelta(minutes=1)):
        await office.meet(schedule("invoices"), now, begun=EVENING - timedelta(hours=1))
    assert len(office.requests()) == 1


async def test_a_census_begins_for_every_kind_and_one_that_is_under_way_is_left_alone(office: Office) -> None:
    both = schedule("census", Daily(at=time(18)), populations=(("erp", "invoice"), ("erp", "project")))
    await office.meet(both, EVENING)
    await office.meet(both, EVENING + timedelta(days=1))
    runs = office.run("select system, kind, mode, asked_by, state from census_runs order by kind")
    assert [(row["kind"], row["state"]) for row in runs] == [("invoice", "listing"), ("project", "listing")]
    assert {row["asked_by"] for row in runs} == {"schedule:month-end/DE01"}
    met = office.run("select outcome from schedule_dues")
    assert [row["outcome"] for row in met] == ["fired", "fired"]


async def test_a_fresh_look_wakes_the_contracts_of_the_legal_entity_and_no_others(office: Office) -> None:
    office.contract("here")
    office.contract("there", entity="US01")
    office.run("insert into lanes (tenant_id, lane, shard, legal_entity) values (%s, 'client:c', 1, 'DE01')", TENANT)
    await office.meet(schedule("planning"), EVENING)
    assert [row["lane"] for row in office.run("select lane from lane_dirty")] == ["contract:here"]

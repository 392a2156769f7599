"""L3 end to end: the CLM never sends a tenth of its webhooks, and after one window of the census everything is in step."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from psycopg.rows import dict_row

from tieline import bootstrap
from tieline.adapters.postgres import roles
from tieline.adapters.postgres.pools import pool as make_pool
from tieline.bootstrap.store import Pool
from tieline.connectors.ironclad.connector import Ironclad
from tieline.entrypoints.bench.firm import TENANT, Measured, agreements, measured_firm, running
from tieline.entrypoints.demo.stage import register_receiver
from tieline.reconciliation.census import Census

CONTRACTS = 40
DROPPED = {"fault": {"code": "F20"}, "match": {"method": "HOOK", "rate": 0.1, "seed": 3}}
WINDOW = timedelta(minutes=16)  # what changed is listed every fifteen
(TOPIC,) = Ironclad.topics
UNFINISHED = "select run_id from census_runs where state not in ('done', 'stopped')"


class Office:
    """The hub at work, its CLM, and a census that is moved by hand."""

    def __init__(self, firm: Measured, hub: bootstrap.Hub, pool: Pool, admin: psycopg.AsyncConnection[Any]) -> None:
        self.firm, self.hub, self.pool, self.admin, self.later = firm, hub, pool, admin, timedelta(0)

    def clock(self) -> datetime:
        return datetime.now(UTC) + self.later

    async def window(self) -> None:
        """One window passes: everything that is due is listed, compared and told."""
        self.later += WINDOW
        census = Census(self.pool, self.hub.landscape, self.clock, self.hub.worker.pump.budgets)
        await census.round()
        assert await self.rows(UNFINISHED) != []
        await self.until(lambda: self._ended(census))

    async def _ended(self, census: Census) -> bool:
        await census.round()
        return await self.rows(UNFINISHED) == []

    async def until(self, done: Callable[[], Any], seconds: float = 60.0) -> None:
        async with asyncio.timeout(seconds):
            while not await done():  # noqa: ASYNC110  the store is asked
                await asyncio.sleep(0.1)

    async def rows(self, sql: str, *given: Any) -> list[dict[str, Any]]:
        return await (await self.admin.execute(sql.encode(), given)).fetchall()

    async def active(self) -> int:
        """Contracts whose activation is whole: every planned document is in the ERP and read back."""
        rows = await self.rows(
            "select count(*) as n from events where tenant_id = %s and type = 'dev.tieline.contract.activated.v1'",
            TENANT,
        )
        return int(rows[0]["n"])


@pytest_asyncio.fixture
async def office() -> AsyncIterator[Office]:
    with measured_firm(0.0) as firm:
        async with bootstrap.hub(bootstrap.read_settings(firm.config)) as hub, running(hub) as url:
            register_receiver(firm.clm, f"{url}/hooks/{TENANT}/ironclad")
            admin = await psycopg.AsyncConnection.connect(
                hub.cluster.conninfo(roles.ADMIN), autocommit=True, row_factory=dict_row
            )
            async with admin, make_pool(hub.cluster.conninfo(roles.SCHEDULER), "census", 1, 4) as pool:
                yield Office(firm, hub, pool, admin)


async def in_source(office: Office) -> set[tuple[str, str]]:
    pages = office.hub.landscape[TENANT].sources["ironclad"].pages(TOPIC, None)
    return {(item.source_id, item.source_version) async for page in pages for item in page.items}


@pytest.mark.filterwarnings("error")
async def test_L3_with_a_tenth_of_the_webhooks_never_sent_one_window_brings_every_contract_into_step(
    office: Office,
) -> None:
    records = agreements(CONTRACTS, "drop")
    clm = office.firm.clm
    clm.control("seed", {"records": records})
    clm.faults([DROPPED])
    for record in records:
        clm.control(f"sign/{record['id']}", {})
    sent = [each["state"] for each in clm.control("deliveries")["deliveries"]]
    heard = len(sent) - sent.count("dropped")
    assert 0 < sent.count("dropped") < CONTRACTS / 4

    async def all_that_was_heard_is_done() -> bool:
        return await office.active() >= heard

    await office.until(all_that_was_heard_is_done)
    assert await office.active() == heard < CONTRACTS

    await office.window()

    async def all_is_done() -> bool:
        settled = await office.rows("select 1 from replicas where status not in ('in_step', 'ended')") == []
        return settled and await office.active() == CONTRACTS

    await office.until(all_is_done)
    known = await office.rows("select distinct source_id, source_version from inputs where channel = 'poll'")
    assert {(row["source_id"], row["source_version"]) for row in known} == await in_source(office)
    assert await office.rows("select code, subject from holds where lifted_at is null") == []

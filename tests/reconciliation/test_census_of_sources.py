"""L3: after one window the hub knows every record version of the source, also of webhooks never sent, and of deletes."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from census_firm import TENANT, Firm, firm

from database import Database
from tieline import sdk
from tieline.adapters.http import GuardedHttp
from tieline.connectors.ironclad.connector import Ironclad
from tieline.connectors.ironclad.settings import IroncladSettings
from tieline.engine.inputs import NewInput, accept
from tieline.kit.canonical import digest_of
from tieline.kit.ids import uuid7
from tieline.ports.systems import System
from tieline.reconciliation.cadence import populations
from tieline.sdk.system import ConnectedSystem
from tieline.twins.ironclad import TWIN
from tieline.twins.process import Served, served

SAMPLE = json.loads(
    (Path(__file__).parents[2] / "src/tieline/twins/ironclad/samples/contract_one_line_us01.json").read_text()
)
START = datetime(2026, 2, 20, tzinfo=UTC)
RECORDS = 230
DROPPED = 0.1
TOPIC = Ironclad.topics[0]


def record(number: int) -> dict[str, Any]:
    at = (START + timedelta(minutes=number)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {**SAMPLE, "id": f"rec-{number:04d}", "ironcladId": f"IC-{1000 + number}", "lastUpdated": at}


@pytest.fixture
def clm_twin(tmp_path: Path) -> Iterator[Served]:
    assert TWIN.name == "ironclad"
    with served("ironclad", tmp_path) as running:
        running.control("seed", {"records": [record(n) for n in range(RECORDS)]})
        yield running


@pytest_asyncio.fixture
async def papers(database: Database, clm_twin: Served) -> AsyncIterator[Firm]:
    """The firm whose contracts are in Ironclad."""
    http = GuardedHttp(clm_twin.url, name="Ironclad", allow_private_addresses=True)
    settings = IroncladSettings(
        base_url=clm_twin.url, client_id="tieline", client_secret_ref="env:X", as_user_email="i@n.example",
        allow_private_addresses=True,
    )  # fmt: skip
    clm = Ironclad(settings, http, {"client_secret": sdk.Secret("tieline-secret")}, {})
    system: System = ConnectedSystem("clm", clm)
    async with firm(database, system) as made:
        made.configure(systems={"clm": system}, sources={"clm": clm})
        yield made
    await http.aclose()


async def told_by_webhook(firm: Firm, numbers: list[int]) -> None:
    """Announced, fetched and applied, as the intake leaves them."""
    inputs = [
        NewInput(
            tenant=TENANT, channel="webhook", system="clm", topic=TOPIC, source_id=f"rec-{n:04d}", body=None,
            dedup=digest_of("event", str(n)), correlation_id=uuid7(),
        )
        for n in numbers
    ]  # fmt: skip
    async with firm.pool.connection() as connection:
        await accept(connection, inputs)
    await applied(firm)


async def applied(firm: Firm) -> None:
    await firm.rows(
        "update inputs set status = 'applied', settled_at = now() - interval '1 minute', lane = 'contract:' || source_id returning 1"
    )


async def known(firm: Firm) -> set[tuple[str, str]]:
    rows = await firm.rows("select source_id, source_version from inputs where channel = 'poll'")
    return {(row["source_id"], row["source_version"]) for row in rows}


async def in_source(firm: Firm) -> set[tuple[str, str]]:
    pages = firm.setup.sources["clm"].pages(TOPIC, None)
    return {(item.source_id, item.source_version) async for page in pages for item in page.items}


async def test_L3_with_a_tenth_of_the_webhooks_dropped_every_version_is_known_after_one_window(
    papers: Firm,
) -> None:
    chance = random.Random(20)
    await told_by_webhook(papers, [n for n in range(RECORDS) if chance.random() >= DROPPED])
    heard = {row["source_id"] for row in await papers.rows("select source_id from inputs")}
    assert len(heard) < RECORDS
    await papers.run(TOPIC)
    assert await known(papers) == await in_source(papers)
    waiting = await papers.rows("select source_id from inputs i join intake k using (tenant_id, input_id)")
    assert {row["source_id"] for row in waiting} >= {f"rec-{n:04d}" for n in range(RECORDS)} - heard
    assert await papers.holds() == {}


async def test_an_inbox_that_cannot_be_listed_is_never_asked_what_is_gone(papers: Firm) -> None:
    assert list(populations(papers.setup)) == [("clm", TOPIC)]

    class Inbox:
        name, topics, tells_all = "inbox", ("time_entry",), False

    papers.configure(sources={"clm": papers.setup.sources["clm"], "inbox": Inbox()})
    assert list(populations(papers.setup)) == [("clm", TOPIC)]


async def test_L3_D3_a_second_window_hands_in_nothing_that_is_known(papers: Firm) -> None:
    await papers.run(TOPIC)
    before = await papers.rows("select count(*) as n from inputs")
    await papers.run(TOPIC)
    assert await papers.rows("select count(*) as n from inputs") == before


async def test_L3_a_record_that_was_deleted_in_the_source_is_held_and_nothing_of_it_is_retracted(
    papers: Firm, clm_twin: Served
) -> None:
    await papers.run(TOPIC)
    await applied(papers)
    form = {"grant_type": "client_credentials", "client_id": "tieline", "client_secret": "tieline-secret"}
    token = httpx2.post(f"{clm_twin.url}/oauth/token", data=form).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}", "x-as-user-email": "i@n.example"}
    for gone in ("rec-0003", "rec-0200"):
        assert httpx2.delete(f"{clm_twin.url}/public/api/v1/records/{gone}", headers=headers).status_code == 204
    run = await papers.run(TOPIC)
    assert await papers.drift(run) == {"rec-0003": "missing", "rec-0200": "missing"}
    assert await papers.holds() == {"rec-0003": "SOURCE_GONE", "rec-0200": "SOURCE_GONE"}
    lanes = await papers.rows("select lane from holds order by lane")
    assert [row["lane"] for row in lanes] == ["contract:rec-0003", "contract:rec-0200"]

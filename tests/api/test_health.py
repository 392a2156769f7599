"""Alive, ready, and honest when the store is not there (V4)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import psycopg
from api_house import House, contract, message
from test_orders import ENTRY

from tieline.adapters.postgres.pools import pool
from tieline.api.app import create_app
from tieline.api.services import Services


async def test_a_hub_with_its_store_is_ready_and_says_why(house: House) -> None:
    async with house.client(None) as http:
        assert (await http.get("/livez")).json() == {"status": "alive"}
        assert (await http.get("/readyz")).json() == {"status": "ready"}
        verbose = (await http.get("/readyz?verbose=1")).json()
        assert (await http.get("/version")).json()["version"]
    assert {name: check["ok"] for name, check in verbose["checks"].items()} == {
        "database": True, "intake": True, "schema": True, "durability": True, "queue": True, "leases": False,
        "duties": False, "unfinished": False, "feed": True,
    }  # fmt: skip
    assert re.fullmatch(r"migrated to \d{4}", verbose["checks"]["schema"]["seen"])


async def test_a_hub_without_a_worker_is_ready_and_says_that_nobody_works(house: House) -> None:
    async with house.client(None) as http:
        answer = await http.get("/readyz?verbose=1")
        leases = answer.json()["checks"]["leases"]
        assert (answer.status_code, leases["ok"]) == (200, False)
        assert (
            leases["seen"] == "0 worker(s) alive, 256 shard(s) without one"
            and "tieline run worker" in leases["way_out"]
        )
        house.seed("workers", worker_id="w1", role="worker", host="here", lease_until="2999-01-01T00:00:00Z")
        house.rows("update shards set owner = 'w1' returning 1")
        leases = (await http.get("/readyz?verbose=1")).json()["checks"]["leases"]
    assert leases == {
        "ok": True, "expected": "every shard has a living worker", "way_out": "",
        "seen": "1 worker(s) alive, 0 shard(s) without one",
    }  # fmt: skip


async def test_a_store_older_than_the_code_is_not_ready_and_a_newer_one_is(house: House) -> None:
    """Migrations run before the code that needs them, so old processes go on until they are replaced."""
    for known, status in (("9999", 503), ("0000", 200)):
        app = create_app(replace(house.services, schema_version=known))
        async with replace(house, app=app).client(None) as http:
            answer = await http.get("/readyz?verbose=1")
        assert answer.status_code == status
        assert answer.json()["checks"]["schema"]["expected"] == f"migrated to {known} or later"


async def test_a_store_that_is_not_migrated_is_not_ready(house: House) -> None:
    with psycopg.connect(house.admin, autocommit=True) as conn:
        conn.execute("drop function authenticate(bytea)")
    async with house.client(None) as http:
        answer = await http.get("/readyz?verbose=1")
    assert answer.status_code == 503
    assert [name for name, check in answer.json()["checks"].items() if not check["ok"]] == [
            "schema", "leases", "duties", "unfinished",
        ]  # fmt: skip


@asynccontextmanager
async def without_store(house: House) -> AsyncIterator[House]:
    """The same hub, whose PostgreSQL is gone."""
    gone = pool("host=/nowhere dbname=gone user=nobody", "edge", 0, 2)
    await gone.open(wait=False)
    services: Services = replace(house.services, pool=gone, edge_pool=gone, patience_s=0.3)
    try:
        yield replace(house, app=create_app(services))
    finally:
        await gone.close()


async def test_V4_without_its_store_the_hub_says_503_everywhere_and_is_alive_but_not_ready(house: House) -> None:
    contract(house, "c1")
    async with without_store(house) as dark, dark.client() as http:
        hook = await dark.hook(message())
        order = await http.post("/process/v1/time-entries", json=ENTRY, headers={"idempotency-key": "k"})
        read = await http.get("/experience/v1/contracts")
        for answer in (hook, order, read):
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert int(answer.headers["retry-after"]) >= 1 and answer.json()["retryable"]
        assert (await http.get("/readyz")).status_code == 503
        assert (await http.get("/livez")).status_code == 200
    assert house.rows("select count(*) from inputs") == [(0,)]


async def test_V4_a_full_queue_is_refused_and_not_left_waiting(house: House) -> None:
    services = replace(house.services, queue_limit=0)
    answer = await replace(house, app=create_app(services)).hook(message())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")

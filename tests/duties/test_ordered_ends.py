"""SIGTERM: every part of the hub ends in order. No request that was answered with yes is lost, none is stored twice."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
from duty_world import until
from standardwebhooks.webhooks import Webhook

from tieline.adapters.postgres import launcher, roles

SECRET = "whsec_" + base64.b64encode(b"t" * 32).decode()
ENTITY = {"country": "US", "currency": "USD", "zone": "America/New_York", "taxes": {"STANDARD": "0.20"}}
COMPANY = {"id": 1, "currency": "USD", "receivable_account": 12, "revenue_account": 40, "journal": 1}


@pytest.fixture
def firm() -> Iterator[Path]:
    """A configuration with one system that only tells; its home may be passed through by a lesser user."""
    with tempfile.TemporaryDirectory(prefix="tieline-ends-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        os.chmod(folder, 0o711)
        inbox = {"connector": "events", "base_url": "http://127.0.0.1:9", "allow_private_addresses": True,
                 "signing_secret_ref": "env:INBOX_SECRET"}  # fmt: skip
        erp = {"connector": "tryton", "base_url": "http://127.0.0.1:9", "allow_private_addresses": True, "database": "erp",
               "api_key_ref": "env:INBOX_SECRET", "companies": {"US01": COMPANY}}  # fmt: skip
        tenant = {"legal_entities": {"US01": ENTITY}, "roles": {"inbox": "inbox", "erp": "erp"}, "service_lines": ["DATA"],
                  "activation": {"approval": "crm"}, "systems": {"inbox": inbox, "erp": erp}}  # fmt: skip
        settings = {"home": str(folder / "home"), "listen": {"port": 0}, "tenants": {"northwind": tenant}}
        (folder / "tieline.yaml").write_text(json.dumps(settings))
        yield folder


@asynccontextmanager
async def part(firm: Path, what: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`tieline run <what>` as a process of its own; at the end it is told to end, and must do so without complaint."""
    with (firm / f"{what}.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tieline.entrypoints.cli", "run", what, "-c", str(firm / "tieline.yaml"),
            stdout=asyncio.subprocess.PIPE, stderr=log, cwd=firm, env={**os.environ, "INBOX_SECRET": SECRET},
        )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        ended = await asyncio.wait_for(process.wait(), 30)
        assert ended == 0, (firm / f"{what}.log").read_text()[-2000:]


async def said(process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), 60)
    found: dict[str, Any] = json.loads(line)
    return found


def message(number: int) -> tuple[str, dict[str, str], str]:
    moment, name = datetime.now(UTC), f"msg-{number}"
    body = json.dumps({
        "specversion": "1.0", "id": name, "source": "/northwind/psa", "type": "dev.tieline.time_entry.approved.v1",
        "time": "2026-03-02T09:00:00Z", "datacontenttype": "application/json",
        "data": {
            "id": f"te_{number}", "contract_id": "con_1", "line_id": "lin_1", "resource_id": "res_dana",
            "work_date": "2026-03-02", "hours": "7.5", "state": "approved", "approved_by": "lead@northwind.example",
            "approved_at": "2026-03-02T09:00:00Z", "narrative": "Data model",
        },
    })  # fmt: skip
    headers = {"webhook-id": name, "webhook-timestamp": str(int(moment.timestamp())),
               "webhook-signature": Webhook(SECRET).sign(name, moment, body), "content-type": "application/json"}  # fmt: skip
    return name, headers, body


async def deliver(url: str, waiting: list[int], accepted: set[str]) -> None:
    """One sender: goes on until the edge is gone, and remembers whom it heard yes for."""
    async with httpx2.AsyncClient(base_url=url, timeout=10) as http:
        while waiting:
            name, headers, body = message(waiting.pop())
            try:
                answer = await http.post("/hooks/northwind/inbox", headers=headers, content=body)
            except httpx2.HTTPError:
                return
            if answer.status_code == 202:
                accepted.add(name)


async def test_L1_D3_an_edge_that_is_told_to_end_under_load_loses_nothing_and_doubles_nothing(firm: Path) -> None:
    accepted: set[str] = set()
    async with part(firm, "store") as store:
        await said(store)
        waiting = list(range(100_000))
        async with part(firm, "edge") as edge:
            url = (await said(edge))["url"]
            senders = [asyncio.create_task(deliver(url, waiting, accepted)) for _ in range(8)]
            await until(lambda: len(accepted) >= 200, "two hundred were taken", seconds=60)
            edge.send_signal(signal.SIGTERM)
            await asyncio.gather(*senders)
        assert waiting, "the load outlasted the edge"
        async with part(firm, "edge") as edge:  # the senders deliver again all that they sent: answered before or not
            url = (await said(edge))["url"]
            again = list(range(waiting[-1] + 1, 100_000))
            await deliver(url, list(again), set())
        conninfo = launcher.attach(firm / "home").conninfo(roles.ADMIN)
        with psycopg.connect(conninfo) as admin:
            stored = [row[0] for row in admin.execute("select source_id from inputs").fetchall()]
    assert len(stored) == len(set(stored)) == len(again)
    assert len(accepted) >= 200


async def test_an_ordered_end_of_worker_and_scheduler_gives_everything_back(firm: Path) -> None:
    async with part(firm, "store") as store:
        await said(store)
        conninfo = launcher.attach(firm / "home").conninfo(roles.ADMIN)
        async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as admin:

            async def none(sql: str, seconds: float = 0.0) -> None:
                end = time.monotonic() + seconds
                while found := await (await admin.execute(sql.encode())).fetchall():
                    assert time.monotonic() <= end, f"{sql}: {found[:3]}"
                    await asyncio.sleep(0.05)

            async with part(firm, "worker"), part(firm, "scheduler"):
                await none("select 'nobody' where not exists (select from duties where last_ok_at is not null)", 60)
                await none("select shard from shards where owner is null", 60)
            await none("select shard from shards where owner is not null")
            await none("select duty from duties where owner is not null")
            await none("select worker_id from workers")

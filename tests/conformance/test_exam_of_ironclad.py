"""The Ironclad connector sits the exam against a running twin."""

from __future__ import annotations

import asyncio
import copy
import http.client
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tieline import sdk
from tieline.conformance import ExamTarget, SourceSide, run_exam
from tieline.connectors.ironclad.connector import Ironclad
from tieline.ports.vault import Secret
from tieline.twins.process import Served, served

SAMPLES = Path(__file__).parents[2] / "src/tieline/twins/ironclad/samples"
OVERLAY = {
    "legal_entity": {"DE01": "DE01", "US01": "US01"},
    "service_line": {"DATA": "DATA", "CLOUD": "CLOUD"},
    "tax_code": {"STANDARD": "STANDARD"},
}
KINDS = {"client_record": sdk.ClientRecord, "contract": sdk.Contract, "amendment": sdk.Amendment}


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served("ironclad", tmp_path_factory.mktemp("ironclad")) as running:
        running.control("seed", {"records": list(population())})
        yield running


def population() -> Iterator[dict[str, Any]]:
    """260 contracts, of which 150 were changed at the very same instant: more than a page holds."""
    contracts = [json.loads(path.read_text()) for path in sorted(SAMPLES.glob("contract*.json"))]
    amendment = json.loads((SAMPLES / "amendment_of_a_rate.json").read_text())
    contracts = [record for sample in contracts for record in sample.get("records", [sample])]
    for number in range(260):
        record = copy.deepcopy(contracts[number % len(contracts)])
        record["id"], record["ironcladId"] = f"00000000-0000-4000-9000-{number:012d}", f"IC-{1000 + number}"
        record["lastUpdated"] = f"2026-02-20T14:{min(max(number - 60, 0), 90) // 2:02d}:00.000Z" if number < 60 else (
            "2026-02-21T08:00:00.000Z" if number < 210 else f"2026-02-22T08:{number - 210:02d}:00.000Z"
        )  # fmt: skip
        for gone in ("childIds", "amendments"):
            record.pop(gone, None)
        yield record
    yield from contracts
    yield from amendment.get("records", [amendment])


def call(url: str, method: str, path: str, body: str = "", headers: dict[str, str] | None = None) -> str:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    connection.request(method, path, body or None, headers or {})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert answer.status < 300, text
    return text


def vendor_headers(twin: Served) -> dict[str, str]:
    form = "grant_type=client_credentials&client_id=tieline&client_secret=tieline-secret"
    kind = {"content-type": "application/x-www-form-urlencoded"}
    token = json.loads(call(twin.url, "POST", "/oauth/token", form, kind))["access_token"]
    return {"authorization": f"Bearer {token}", "x-as-user-email": "i@n.example", "content-type": "application/json"}


async def delivery_of(twin: Served) -> tuple[dict[str, str], bytes, datetime]:
    """One genuine webhook, caught on a socket."""
    caught: asyncio.Future[tuple[dict[str, str], bytes]] = asyncio.get_running_loop().create_future()

    async def catch(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        writer.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()
        if not caught.done():
            caught.set_result((headers, body))

    listener = await asyncio.start_server(catch, "127.0.0.1", 0)
    target = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/hooks/northwind/ironclad"
    registration = json.dumps({"targetURL": target, "events": ["record_contract_status_changed"]})
    headers = vendor_headers(twin)
    await asyncio.to_thread(call, twin.url, "POST", "/public/api/v1/webhooks", registration, headers)
    await asyncio.to_thread(twin.control, "sign/00000000-0000-4000-9000-000000000007", {})
    try:
        found, body = await asyncio.wait_for(caught, 10)
    finally:
        listener.close()
    return found, body, datetime.now(UTC)


def target(twin: Served) -> ExamTarget:
    key = call(twin.url, "GET", "/public/api/v1/webhooks/verification-key", headers=vendor_headers(twin))
    expected = {record["id"] for record in population()}

    async def ids() -> set[str]:
        return expected

    async def expire() -> None:
        await asyncio.to_thread(
            twin.faults, [{"match": {"path_regex": "/records"}, "fault": {"code": "F10"}, "times": 1}]
        )

    return ExamTarget(
        connector=Ironclad,
        base_url=twin.url,
        settings={
            "client_id": "tieline",
            "client_secret_ref": "env:X",
            "as_user_email": "i@n.example",
            "webhook_public_key": key,
        },
        secrets={"client_secret": Secret("tieline-secret")},
        overlay=OVERLAY,
        source=SourceSide(topic="agreement", kinds=KINDS, expected=ids, delivery=lambda: delivery_of(twin)),
        expire_tokens=expire,
    )


async def test_ironclad_keeps_every_promise_of_a_connector_that_tells_us_things(twin: Served) -> None:
    report = await run_exam(target(twin))
    assert len(report.results) == 9
    assert report.passed, [result for result in report.results if result.status != "passed"]

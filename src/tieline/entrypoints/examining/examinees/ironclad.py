"""Ironclad's twin with 263 records, more of them changed at the same instant than a page holds."""

from __future__ import annotations

import asyncio
import copy
import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tieline import sdk, twins
from tieline.conformance import ExamTarget, SourceSide
from tieline.connectors.ironclad.connector import Ironclad
from tieline.twins.process import Served, served

_SAMPLES = Path(twins.__file__).parent / "ironclad" / "samples"
_OVERLAY = {
    "legal_entity": {"DE01": "DE01", "US01": "US01"},
    "service_line": {"DATA": "DATA", "CLOUD": "CLOUD"},
    "tax_code": {"STANDARD": "STANDARD"},
}
_KINDS = {"client_record": sdk.ClientRecord, "contract": sdk.Contract, "amendment": sdk.Amendment}
_EARLIER, _TIED, _ALL = 60, 210, 260


@contextmanager
def prepared(folder: Path) -> Iterator[ExamTarget]:
    with served("ironclad", folder) as twin:
        records = list(_population())
        twin.control("seed", {"records": records})
        yield _target(twin, frozenset(record["id"] for record in records))


def _target(twin: Served, expected: frozenset[str]) -> ExamTarget:
    key = _call(twin, "GET", "/public/api/v1/webhooks/verification-key", headers=_vendor_headers(twin))

    async def ids() -> frozenset[str]:
        return expected

    async def expire() -> None:
        rule = {"match": {"path_regex": "/records"}, "fault": {"code": "F10"}, "times": 1}
        await asyncio.to_thread(twin.faults, [rule])

    return ExamTarget(
        connector=Ironclad,
        base_url=twin.url,
        settings={
            "client_id": "tieline",
            "client_secret_ref": "env:EXAM",
            "as_user_email": "integrations@northwind.example",
            "webhook_public_key": key,
        },
        secrets={"client_secret": sdk.Secret("tieline-secret")},
        overlay=_OVERLAY,
        source=SourceSide(topic="agreement", kinds=_KINDS, expected=ids, delivery=lambda: _delivery(twin)),
        expire_tokens=expire,
    )


def _population() -> Iterator[dict[str, Any]]:
    contracts = [json.loads(path.read_text()) for path in sorted(_SAMPLES.glob("contract*.json"))]
    for number in range(_ALL):
        record = copy.deepcopy(contracts[number % len(contracts)])
        record["id"], record["ironcladId"] = f"00000000-0000-4000-9000-{number:012d}", f"IC-{1000 + number}"
        record["lastUpdated"] = _changed_at(number)
        record.pop("childIds", None)
        record.pop("amendments", None)
        yield record
    yield from contracts
    yield json.loads((_SAMPLES / "amendment_of_a_rate.json").read_text())


def _changed_at(number: int) -> str:
    if number < _EARLIER:
        return f"2026-02-20T14:{number:02d}:00.000Z"
    if number < _TIED:
        return "2026-02-21T08:00:00.000Z"
    return f"2026-02-22T08:{number - _TIED:02d}:00.000Z"


async def _delivery(twin: Served) -> tuple[Mapping[str, str], bytes, datetime]:
    """One genuine webhook, caught on a socket."""
    caught: asyncio.Future[tuple[dict[str, str], bytes]] = asyncio.get_running_loop().create_future()

    async def catch(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        writer.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()
        if not caught.done():
            caught.set_result((headers, body))

    listener = await asyncio.start_server(catch, "127.0.0.1", 0)
    async with listener:
        target = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/hooks/northwind/ironclad"
        await asyncio.to_thread(_sign_and_announce, twin, target)
        headers, body = await asyncio.wait_for(caught, 10)
    return headers, body, datetime.now(UTC)


def _sign_and_announce(twin: Served, target: str) -> None:
    registration = json.dumps({"targetURL": target, "events": ["record_contract_status_changed"]})
    _call(twin, "POST", "/public/api/v1/webhooks", registration, _vendor_headers(twin))
    twin.control("sign/00000000-0000-4000-9000-000000000007", {})


def _vendor_headers(twin: Served) -> dict[str, str]:
    form = "grant_type=client_credentials&client_id=tieline&client_secret=tieline-secret"
    kind = {"content-type": "application/x-www-form-urlencoded"}
    token = json.loads(_call(twin, "POST", "/oauth/token", form, kind))["access_token"]
    return {
        "authorization": f"Bearer {token}",
        "x-as-user-email": "exam@northwind.example",
        "content-type": "application/json",
    }


def _call(twin: Served, method: str, path: str, body: str = "", headers: Mapping[str, str] | None = None) -> str:
    connection = http.client.HTTPConnection(urlsplit(twin.url).netloc, timeout=10)
    connection.request(method, path, body or None, dict(headers or {}))
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    if answer.status >= 300:
        raise sdk.Rejected(f"The Ironclad twin refused {path}: {text}")
    return text

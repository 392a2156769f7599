"""The load of the ingest benchmark: signed CloudEvents over keep-alive connections, made beforehand, sent as fast as answered.

    python -m tieline.entrypoints.bench.load URL SECRET SECONDS CONNECTIONS

Speaks HTTP by hand, because a client library would take the core that is being measured.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit
from uuid import uuid4

import uvloop
from standardwebhooks.webhooks import Webhook

PREPARED = 12_000


def request(host: str, path: str, hook: Webhook, number: int, about: Mapping[str, str] | None = None) -> bytes:
    """One whole signed request; every one is a fact of its own, `about` a contract, a line, a day and so many hours."""
    moment, name = datetime.now(UTC), str(uuid4())
    told = about or {
        "contract_id": f"con_{number % 500}",
        "line_id": "lin_1",
        "work_date": "2026-03-02",
        "hours": "7.5",
    }
    event = {
        "specversion": "1.0", "id": name, "source": "/northwind/psa", "type": "dev.tieline.time_entry.approved.v1",
        "time": moment.isoformat(), "datacontenttype": "application/json",
        "data": {
            "id": f"te_{name[:20]}", "resource_id": "res_dana", "state": "approved", "approved_by": "lead@northwind.example",
            "approved_at": moment.isoformat(), **told,
            "narrative": f"{name} " + "Data model of the order domain, review with the client " * 8,
        },
    }  # fmt: skip
    body = json.dumps(event)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body.encode())}\r\n"
        f"webhook-id: {name}\r\nwebhook-timestamp: {int(moment.timestamp())}\r\n"
        f"webhook-signature: {hook.sign(name, moment, body)}\r\n\r\n"
    )
    return head.encode() + body.encode()


async def send(address: tuple[str, int], waiting: list[bytes], end: float, took: list[float]) -> tuple[int, int]:
    """Requests one after another on one connection: (accepted, refused)."""
    reader, writer = await asyncio.open_connection(*address)
    accepted = refused = 0
    while waiting and time.monotonic() < end:
        started = time.monotonic()
        writer.write(waiting.pop())
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (
                int(v)
                for k, _, v in (line.partition(b": ") for line in head.split(b"\r\n"))
                if k.lower() == b"content-length"
            ),
            0,
        )
        await reader.readexactly(length)
        took.append(time.monotonic() - started)
        good = head.startswith(b"HTTP/1.1 202")
        accepted, refused = accepted + good, refused + (not good)
    writer.close()
    return accepted, refused


async def main(url: str, secret: str, seconds: float, connections: int) -> dict[str, float]:
    parts = urlsplit(url)
    address = (str(parts.hostname), int(parts.port or 80))
    hook = Webhook(secret)
    waiting = [
        request(parts.netloc, parts.path, hook, number) for number in range(int(PREPARED * max(1.0, seconds / 2)))
    ]
    took: list[float] = []
    started = time.monotonic()
    results = await asyncio.gather(*(send(address, waiting, started + seconds, took) for _ in range(connections)))
    spent, ranked = time.monotonic() - started, sorted(took)
    return {
        "per_s": sum(a for a, _ in results) / spent, "accepted": sum(a for a, _ in results),
        "refused": sum(r for _, r in results), "p99_ms": ranked[int(len(ranked) * 0.99)] * 1000 if ranked else 0.0,
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(uvloop.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])))))

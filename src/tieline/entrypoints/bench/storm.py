"""Signed facts that come at a rate, whether or not the edge keeps up: what senders do who do not know of each other.

    python -m tieline.entrypoints.bench.storm ORDER.json

The order names `url`, `secret`, `rate`, `seconds`, `connections` and `about` (contracts and lines). A fact that finds no free
connection waits for one, and its time counts from when it ought to have been sent. A refused fact is sent again later, as a
sender would. Speaks HTTP by hand, because a client library would take the core that is being measured.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import uvloop
from standardwebhooks.webhooks import Webhook

from tieline.entrypoints.bench.load import request

TICK_S = 0.005
DAYS = 20  # before today: the contracts of the measured firm began three weeks ago
HOURS = "0.01"  # very many facts a day, and yet nobody works more than a day has
LATE_S = 15.0  # after the last fact was sent: no answer by then is none


@dataclass(slots=True)
class Tally:
    """Seconds of each kind of answer."""

    accepted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    without_retry_after: int = 0
    other: int = 0
    unanswered: int = 0

    def figures(self, sent: int, seconds: float) -> dict[str, Any]:
        return {
            "sent": sent, "sent_per_s": round(sent / seconds, 1), "accepted": len(self.accepted),
            "accepted_per_s": round(len(self.accepted) / seconds, 1), "refused": len(self.refused),
            "refused_without_retry_after": self.without_retry_after, "other_answers": self.other,
            "unanswered": self.unanswered, "accepted_p50_ms": ms(self.accepted, 0.5),
            "accepted_p99_ms": ms(self.accepted, 0.99), "refused_p50_ms": ms(self.refused, 0.5),
            "refused_p99_ms": ms(self.refused, 0.99),
        }  # fmt: skip


def ms(seconds: Sequence[float], part: float) -> float | None:
    """None without any."""
    ranked = sorted(seconds)
    return round(ranked[min(len(ranked) - 1, int(len(ranked) * part))] * 1000, 1) if ranked else None


@dataclass(slots=True)
class Storm:
    """What waits to be sent and where it may go."""

    address: tuple[str, int]
    facts: deque[bytes]
    tally: Tally = field(default_factory=Tally)
    free: list[Line] = field(default_factory=list)
    late: deque[float] = field(default_factory=deque)  # when those ought to have been sent that wait for a connection
    under_way: int = 0
    over: bool = False
    opening: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(self, connections: int) -> None:
        for _ in range(connections):
            await self._one_more()

    async def _one_more(self) -> None:
        await asyncio.get_running_loop().create_connection(lambda: Line(self), *self.address)

    def reopen(self) -> None:
        """In place of a connection that the server has closed."""
        if not self.over:
            opening = asyncio.get_running_loop().create_task(self._one_more())
            self.opening.add(opening)
            opening.add_done_callback(self.opening.discard)

    async def blow(self, rate: float, seconds: float) -> int:
        """Returns how many were sent."""
        began, total, due = time.monotonic(), round(rate * seconds), 0
        while due < total:
            target = min(total, int((time.monotonic() - began) * rate))
            for number in range(due, target):
                self.late.append(began + number / rate)
            due = target
            self.flow()
            await asyncio.sleep(TICK_S)
        end = time.monotonic() + LATE_S
        while (self.under_way or self.late) and time.monotonic() < end:  # noqa: ASYNC110  a look now and then, at the very end
            await asyncio.sleep(TICK_S)
        self.over = True
        self.tally.unanswered = self.under_way + len(self.late)
        return due

    def flow(self) -> None:
        while self.late and self.free and self.facts:
            self.under_way += 1
            self.free.pop().send(self.facts.popleft(), self.late.popleft())

    def answered(self, fact: bytes, seconds: float, head: bytes) -> None:
        self.under_way -= 1
        status = head[9:12]
        if status == b"202":
            self.tally.accepted.append(seconds)
        elif status in (b"503", b"429"):
            self.tally.refused.append(seconds)
            self.tally.without_retry_after += b"\r\nretry-after:" not in head.lower()
            self.facts.append(fact)
        else:
            self.tally.other += 1
        self.flow()


class Line(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, storm: Storm) -> None:
        self.storm = storm
        self.fact, self.due, self.heard = b"", 0.0, bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.storm.free.append(self)

    def send(self, fact: bytes, due: float) -> None:
        self.fact, self.due = fact, due
        self.transport.write(fact)

    def data_received(self, data: bytes) -> None:
        self.heard += data
        end = self.heard.find(b"\r\n\r\n")
        if end < 0 or not self.fact:
            return
        head = bytes(self.heard[:end])
        start = head.lower().find(b"content-length:") + len(b"content-length:")
        if len(self.heard) < end + 4 + int(head[start:].split(b"\r\n", 1)[0]):
            return
        fact, self.fact, self.heard = self.fact, b"", bytearray()
        if b"\r\nconnection: close" not in head.lower():
            self.storm.free.append(self)
        self.storm.answered(fact, time.monotonic() - self.due, head)

    def connection_lost(self, error: Exception | None) -> None:
        """A server may close what is idle; another line takes its place."""
        if self in self.storm.free:
            self.storm.free.remove(self)
        if self.fact:
            self.storm.under_way -= 1
            self.storm.tally.other += 1
        self.storm.reopen()


def facts(order: dict[str, Any], count: int) -> deque[bytes]:
    parts, hook = urlsplit(order["url"]), Webhook(order["secret"])
    today, about = datetime.now(UTC).date(), order["about"]
    made: deque[bytes] = deque()
    for number in range(count):
        day = today - timedelta(days=1 + number // len(about) % DAYS)
        fields = {**about[number % len(about)], "work_date": day.isoformat(), "hours": HOURS}
        made.append(request(parts.netloc, parts.path, hook, number, fields))
    return made


async def main(order: dict[str, Any]) -> dict[str, Any]:
    parts, count = urlsplit(order["url"]), order.get("facts") or round(order["rate"] * order["seconds"])
    storm = Storm((str(parts.hostname), int(parts.port or 80)), facts(order, count))
    await storm.open(order["connections"])
    print(json.dumps({"facts": len(storm.facts)}), flush=True)
    began = time.monotonic()
    sent = await storm.blow(order["rate"], order["seconds"])
    return storm.tally.figures(sent, min(time.monotonic() - began, order["seconds"]))


if __name__ == "__main__":
    print(json.dumps(uvloop.run(main(json.loads(Path(sys.argv[1]).read_text())))))

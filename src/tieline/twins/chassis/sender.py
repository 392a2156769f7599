"""Outgoing webhooks: stored with the effect that caused them, sent in the background, retried, and spoiled on request."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from tieline.kit.canonical import Json
from tieline.kit.ids import uuid7
from tieline.twins.chassis.clock import Clock
from tieline.twins.chassis.post import post
from tieline.twins.chassis.rules import Fault, Faults
from tieline.twins.chassis.store import Store

log = logging.getLogger("tieline.twins")
_AT_ONCE = 64
_LATE_S = 0.5  # a delivery held back for reordering goes out at the latest after this time


@dataclass(frozen=True, slots=True)
class Signed:
    """Headers and the bytes that are really sent."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event for one receiver. `subject` is the (kind, id) that the receiver will fetch."""

    hook: str
    event: str
    url: str
    body: bytes
    event_id: str
    subject: tuple[str, str] | None = None


class Origin(Protocol):
    """What the sender needs of its twin."""

    options: dict[str, str]
    clock: Clock
    faults: Faults
    store: Store

    def sign(self, event_id: str, body: bytes, variant: str) -> Signed: ...
    def commit(self) -> None: ...


Outcome = Callable[[str, int | None], None]


def sender_of(twin: Origin, connection: sqlite3.Connection) -> Sender:
    """Retries wait `hook_backoff_ms` (comma-separated option) before each further attempt."""
    waits = twin.options.get("hook_backoff_ms", "100,200,400,800,1600,3200,6400,12800,25600")
    return Sender(twin, connection, tuple(float(wait) / 1000 for wait in waits.split(",") if wait))


class Sender:
    """`send` inside a request stores the delivery in the request's transaction; sending starts after the commit.

    `on_outcome(hook, status)` is called after each attempt, None for no answer: for the vendor's failure counters.
    """

    def __init__(self, twin: Origin, connection: sqlite3.Connection, backoff_s: tuple[float, ...]) -> None:
        self._twin = twin
        self._db = connection
        self._backoff_s = backoff_s
        self._running: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._behind: list[tuple[int, asyncio.Event]] = []
        self.on_outcome: Outcome = lambda hook, status: None

    def send(self, delivery: Delivery) -> None:
        """Stores the delivery and starts it, with the fault that the rules hold for its event."""
        fault = self._twin.faults.pick("HOOK", delivery.event)
        code = fault.code if fault is not None else ""
        if fault is not None and code == "F24" and delivery.subject is not None:
            self._twin.store.hide(*delivery.subject, fault.lag_s)
        if code == "F20":
            self._store(delivery, "dropped", "good")
            return
        copies = fault.copies if fault is not None and code in ("F18", "F22") else 1
        for n in range(copies):
            event_id = uuid7().hex if code == "F22" and n else delivery.event_id
            variant = fault.shape if fault is not None and code == "F21" else "good"
            self._start(self._store(delivery, "pending", variant, event_id), fault)

    def resume(self) -> None:
        """After a restart: what had not been delivered is sent again."""
        for (seq,) in self._db.execute("SELECT seq FROM deliveries WHERE state = 'pending' ORDER BY seq").fetchall():
            self._start(seq, None)

    def stop(self, hook: str) -> None:
        """The receiver is gone: its pending deliveries end."""
        self._db.execute("UPDATE deliveries SET state = 'gone' WHERE hook = ? AND state = 'pending'", (hook,))

    def listed(self) -> list[dict[str, Json]]:
        """Every delivery with attempts and outcome, oldest first."""
        names = ("seq", "hook", "event_id", "event", "url", "variant", "attempts", "state", "status", "at")
        rows = self._db.execute(f"SELECT {', '.join(names)} FROM deliveries ORDER BY seq")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _store(self, delivery: Delivery, state: str, variant: str, event_id: str | None = None) -> int:
        cursor = self._db.execute(
            "INSERT INTO deliveries (hook, event_id, event, url, body, variant, attempts, state, at)"
            " VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?)",
            (
                delivery.hook,
                event_id or delivery.event_id,
                delivery.event,
                delivery.url,
                delivery.body,
                variant,
                state,
                self._twin.clock.text(),
            ),
        )
        return int(cursor.lastrowid or 0)

    def _start(self, seq: int, fault: Fault | None) -> None:
        running = asyncio.get_running_loop().create_task(self._deliver(seq, fault))
        self._running.add(running)
        running.add_done_callback(self._running.discard)

    async def _deliver(self, seq: int, fault: Fault | None) -> None:
        if fault is not None and fault.code == "F19":
            await self._let_pass(fault.behind)
        async with self._slots:
            attempt = 0
            while not await self._attempt(seq):
                if attempt >= len(self._backoff_s):
                    self._note(seq, "failed", None)
                    return
                await asyncio.sleep(self._backoff_s[attempt])
                attempt += 1
        self._release()

    async def _attempt(self, seq: int) -> bool:
        """One try; True when nothing more is to be done."""
        query = "SELECT hook, event_id, url, body, variant FROM deliveries WHERE seq = ? AND state = 'pending'"
        row = self._db.execute(query, (seq,)).fetchone()
        if row is None:
            return True
        hook, event_id, url, body, variant = row
        signed = self._twin.sign(event_id, body, variant)
        status = await post(url, signed.headers, signed.body, cut=variant == "cut")
        if status is not None and 200 <= status < 300:
            self._note(seq, "delivered", status)
        elif status == 410:
            self._note(seq, "gone", status)
            self.stop(hook)
        else:
            self._note(seq, "pending", status)
        self.on_outcome(hook, status)
        self._twin.commit()
        return status is not None and (200 <= status < 300 or status == 410)

    def _note(self, seq: int, state: str, status: int | None) -> None:
        self._db.execute(
            "UPDATE deliveries SET state = ?, status = coalesce(?, status), attempts = attempts + ? WHERE seq = ?",
            (state, status, 0 if state == "failed" else 1, seq),
        )
        self._twin.commit()

    async def _let_pass(self, count: int) -> None:
        """F19: waits until `count` later deliveries have gone out."""
        passed = asyncio.Event()
        self._behind.append((count, passed))
        try:
            await asyncio.wait_for(passed.wait(), _LATE_S)
        except TimeoutError:
            log.info("nothing overtook a delivery that was held back")

    def _release(self) -> None:
        waiting, self._behind = self._behind, []
        for count, passed in waiting:
            if count <= 1:
                passed.set()
            else:
                self._behind.append((count - 1, passed))

"""One turn at one endpoint: lanes side by side, each in order, until the time is up or the endpoint says no."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import monotonic
from uuid import UUID

from tieline.engine.deliveries.loading import MAIN, Load, Queue
from tieline.engine.duties import Term
from tieline.engine.rows import Row
from tieline.kit.ids import uuid7
from tieline.routing.health import Health, Waiting, after, waiting_after
from tieline.routing.messages import message
from tieline.routing.ports import Post
from tieline.routing.signing import signed_headers
from tieline.routing.verdicts import Verdict, judge

TURN_S = 2.0  # nothing new is begun after that: what was done is stored
AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    attempt_id: UUID
    event_id: UUID
    lane: str
    lane_seq: int
    replay_id: UUID | None
    number: int
    verdict: Verdict
    duration_ms: int


@dataclass(slots=True)
class Turn:
    """`health` moves with every answer. Answers that arrive together count as one failure, not as many."""

    load: Load
    post: Post
    clock: Callable[[], datetime]
    chance: Callable[[], float]
    term: Term | None
    at_once: int = AT_ONCE
    turn_s: float = TURN_S
    attempts: list[Attempt] = field(default_factory=list)
    recovered: bool = False
    _before: Health = field(default_factory=Health)
    _until: float = 0.0

    @property
    def health(self) -> Health:
        return self.load.health

    async def run(self) -> None:
        self._before, self._until = self.load.health, monotonic() + self.turn_s
        waiting = list(reversed(self.load.queues))

        async def carry() -> None:
            while waiting:
                await self._lane(waiting.pop())

        hands = 1 if self._before.suspect else self.at_once
        async with asyncio.TaskGroup() as group:
            for _ in range(min(hands, len(waiting))):
                group.create_task(carry())

    @property
    def halted(self) -> bool:
        lost = self.term is not None and not self.term.ours
        down = self.health.off is not None or self.health.failures > self._before.failures
        return lost or down or monotonic() >= self._until

    async def _lane(self, queue: Queue) -> None:
        """In order; the first no ends it, and everything behind waits with it."""
        for event in queue.events:
            if self.halted:
                self._stops_at(queue, event)
                return
            queue.touched = True
            now, verdict = await self._send(event, queue)
            before = queue.waiting
            if verdict.delivered:
                self._note(verdict, now, own=False)
                queue.waiting = Waiting(due_at=now, since=now)
                continue
            queue.waiting = waiting_after(before, verdict, self.health, now, self.chance())
            self._note(verdict, now, own=queue.waiting.own)
            self._stops_at(queue, event)
            return
        queue.done = queue.next_seq > queue.upto_seq

    def _stops_at(self, queue: Queue, event: Row) -> None:
        queue.next_seq = event["lane_seq"]

    async def _send(self, event: Row, queue: Queue) -> tuple[datetime, Verdict]:
        replay_id = None if queue.track == MAIN else queue.track
        body = message(event, self.load.tenant, None if replay_id is None else str(replay_id))
        headers = signed_headers(str(event["event_id"]), self.clock(), body, self.load.keys)
        began = monotonic()
        verdict = judge(await self.post.send(self.load.url, headers, body))
        self.attempts.append(
            Attempt(
                attempt_id=uuid7(), event_id=event["event_id"], lane=event["lane"], lane_seq=event["lane_seq"],
                replay_id=replay_id, number=queue.waiting.attempts + 1, verdict=verdict,
                duration_ms=round(1000 * (monotonic() - began)),
            )
        )  # fmt: skip
        return self.clock(), verdict

    def _note(self, verdict: Verdict, now: datetime, *, own: bool) -> None:
        if self.health.off is not None:
            return
        if verdict.delivered:
            self.recovered |= self._before.suspect
            self.load.health = self._before = after(self._before, verdict, now, self.chance())
            return
        found = after(self._before, verdict, now, self.chance(), own=own)
        if found is self._before:  # the message's own matter
            return
        if found.off is None and found.failures and self.health.next_at and found.next_at:
            found = replace(found, next_at=max(found.next_at, self.health.next_at))
        self.load.health = found

"""How an endpoint is doing, from answer to answer: when it may be asked again, and when it is switched off.

An endpoint that fails is asked with one message at a time on the schedule, however much waits for it; one yes, and
everything goes on. A message that an otherwise healthy endpoint refuses (`own`) does not count against the endpoint.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tieline.routing.schedule import ATTEMPTS_MAX, PATIENCE, wait_s, wished_wait_s
from tieline.routing.verdicts import Outcome, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """`failures` since the last yes; `next_at`: not asked before. `off` says why it is switched off."""

    failures: int = 0
    failing_since: datetime | None = None
    next_at: datetime | None = None
    last_success_at: datetime | None = None
    off: str | None = None

    @property
    def suspect(self) -> bool:
        return self.failures > 0

    def may_ask(self, now: datetime) -> bool:
        return self.off is None and (self.next_at is None or self.next_at <= now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The message at the head of a lane that waits. `own`: the endpoint took others between two refusals of this one."""

    attempts: int = 0
    due_at: datetime
    since: datetime
    tried_at: datetime | None = None
    own: bool = False

    @property
    def exhausted(self) -> bool:
        return self.own and self.attempts >= ATTEMPTS_MAX


def after(health: Health, verdict: Verdict, now: datetime, chance: float, *, own: bool = False) -> Health:
    """The endpoint's health after one answer."""
    if verdict.delivered:
        return Health(last_success_at=now)
    if verdict.outcome is Outcome.GONE:
        return replace(health, off="gone")
    if own and verdict.outcome is Outcome.REFUSED:
        return health
    failing_since = health.failing_since or now
    if now - failing_since >= PATIENCE:
        return replace(health, failing_since=failing_since, off="failing")
    failures = health.failures + 1
    next_at = min(now + _pause(verdict, failures, chance), failing_since + PATIENCE)
    latest = max(next_at, health.next_at or next_at)  # of answers that arrive together the longest pause counts
    return replace(health, failures=failures, failing_since=failing_since, next_at=latest)


def waiting_after(waiting: Waiting, verdict: Verdict, health: Health, now: datetime, chance: float) -> Waiting:
    """A message after a no. `health` is the endpoint's before this answer. A throttled message was not judged."""
    if verdict.outcome is Outcome.THROTTLED:
        attempts = max(waiting.attempts, 1)
        return replace(waiting, due_at=now + _pause(verdict, attempts, chance), tried_at=now)
    attempts = waiting.attempts + 1
    took_others = health.last_success_at is not None and (
        waiting.tried_at is not None and health.last_success_at >= waiting.tried_at
    )
    own = waiting.own or (verdict.outcome is Outcome.REFUSED and took_others)
    due_at = now + _pause(verdict, attempts, chance)
    return replace(waiting, attempts=attempts, due_at=due_at, tried_at=now, own=own)


def _pause(verdict: Verdict, failures: int, chance: float) -> timedelta:
    """A throttling endpoint's own wish is all that counts; otherwise the schedule, or the wish where that is longer."""
    scheduled = wait_s(failures, chance)
    if verdict.retry_after_s is None:
        return timedelta(seconds=scheduled)
    wished = wished_wait_s(verdict.retry_after_s, chance)
    return timedelta(seconds=wished if verdict.outcome is Outcome.THROTTLED else max(scheduled, wished))

"""What an answer to a webhook means. One place judges; everything below 300 is a yes, everything else names why not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

GONE = 410
_BUSY = frozenset({429, 502, 504})


class Outcome(StrEnum):
    DELIVERED = "delivered"
    REFUSED = "refused"  # an answer that is no yes
    THROTTLED = "throttled"  # the endpoint as a whole asks for less
    GONE = "gone"  # the endpoint wants nothing any more
    UNREACHABLE = "unreachable"  # no whole answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What came back. `status` is None without a whole answer; `problem` then says why, in a word of ours."""

    status: int | None
    retry_after_s: float | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    outcome: Outcome
    status: int | None = None
    retry_after_s: float | None = None
    problem: str | None = None

    @property
    def delivered(self) -> bool:
        return self.outcome is Outcome.DELIVERED


def judge(answered: Answered) -> Verdict:
    """Redirects are not followed, so they are refusals: an address that moved is registered anew."""
    status = answered.status
    if status is None:
        return Verdict(outcome=Outcome.UNREACHABLE, problem=answered.problem or "unreachable")
    if 200 <= status < 300:
        return Verdict(outcome=Outcome.DELIVERED, status=status)
    if status == GONE:
        return Verdict(outcome=Outcome.GONE, status=status, problem="gone")
    if status in _BUSY:
        wish = answered.retry_after_s
        return Verdict(outcome=Outcome.THROTTLED, status=status, retry_after_s=wish, problem="throttled")
    problem = "redirect" if 300 <= status < 400 else "refused" if status < 500 else "failed"
    return Verdict(outcome=Outcome.REFUSED, status=status, retry_after_s=answered.retry_after_s, problem=problem)

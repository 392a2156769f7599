"""The one place where errors are judged: what a failed call means and what happens next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tieline.kit.errors import (
    Conflict,
    CredentialInvalid,
    Defect,
    Throttled,
    TielineError,
    Transient,
    Unknown,
)
from tieline.ports.systems import Operation, OperationClass

State = Literal["ok", "failed", "unknown", "ambiguous"]
Next = Literal["none", "retry", "repeat", "look", "hold", "person"]
CONFLICTS_MAX = 3
QUIET_ATTEMPTS = 5  # transient failures before somebody is told
DELAY_S_MAX = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`state` is what is known of the effect; `next` what the engine does; `tell` whether a hold is raised."""

    state: State
    next: Next
    delay_s: float = 0.0
    code: str = ""
    detail: str = ""
    tell: bool = False
    pause_system_s: float = 0.0


OK = Verdict(state="ok", next="none")


def judge(error: Exception, operation: Operation, attempts: int) -> Verdict:
    """What became of a write. `unknown` is never treated as `failed` (D4); an unforeseen error counts as unknown."""
    match error:
        case Throttled():
            wait = min(error.retry_after_s if error.retry_after_s is not None else backoff(attempts), 3600.0)
            # Without a wish of its own the vendor means "too many at once": the budget gives way, nothing is paused.
            pause = wait if error.retry_after_s is not None else 0.0
            return _failed("retry", error, wait, tell=attempts >= QUIET_ATTEMPTS, pause=pause)
        case Transient():
            return _failed(
                "retry", error, backoff(attempts), tell=attempts >= QUIET_ATTEMPTS, pause=backoff(attempts, 2.0)
            )
        case CredentialInvalid():
            return _failed("retry", error, 30.0, tell=True, pause=5.0)
        case Conflict() if attempts < CONFLICTS_MAX:
            return _failed("retry", error, backoff(attempts))
        case TielineError() if not isinstance(error, Unknown | Defect):
            return _failed("hold", error, 0.0, tell=True)
    return _unknown(error, operation, attempts)


def judge_read(error: Exception, attempts: int) -> Verdict:
    """What a failed look or read-back means: nothing has happened, ask again; tell somebody when it goes on."""
    wait = (
        error.retry_after_s if isinstance(error, Throttled) and error.retry_after_s is not None else backoff(attempts)
    )
    pause = backoff(attempts, 2.0) if isinstance(error, Transient) else 0.0
    told = attempts >= QUIET_ATTEMPTS or not isinstance(error, Transient)
    return Verdict(
        state="unknown", next="retry", delay_s=min(wait, 3600.0), code=_code(error), detail=_detail(error), tell=told,
        pause_system_s=pause,
    )  # fmt: skip


def backoff(attempts: int, most: float = DELAY_S_MAX) -> float:
    """0.2 s doubling up to `most`; the caller adds jitter."""
    return float(min(0.2 * 2 ** min(attempts, 20), most))


def _failed(next_: Next, error: TielineError, delay_s: float, *, tell: bool = False, pause: float = 0.0) -> Verdict:
    return Verdict(
        state="failed",
        next=next_,
        delay_s=delay_s,
        code=error.code,
        detail=error.detail,
        tell=tell,
        pause_system_s=pause,
    )


def _unknown(error: Exception, operation: Operation, attempts: int) -> Verdict:
    code, detail, told = _code(error), _detail(error), attempts >= QUIET_ATTEMPTS
    pause = backoff(attempts, 1.0) if attempts else 0.0  # one lost answer is an accident, two are an outage
    settle_s = (operation.max_life + operation.consistency_window).total_seconds()
    match operation.op_class:
        case OperationClass.K_ONCE | OperationClass.K_PUT:
            return Verdict(
                state="unknown",
                next="repeat",
                delay_s=backoff(attempts),
                code=code,
                detail=detail,
                tell=told,
                pause_system_s=pause,
            )
        case OperationClass.Q:
            return Verdict(
                state="unknown",
                next="look",
                delay_s=settle_s,
                code=code,
                detail=detail,
                tell=told,
                pause_system_s=pause,
            )
    return Verdict(state="ambiguous", next="person", code="AMBIGUOUS", detail=detail, tell=True)


def _code(error: Exception) -> str:
    return error.code if isinstance(error, TielineError) else "defect"


def _detail(error: Exception) -> str:
    return error.detail if isinstance(error, TielineError) else f"an unforeseen {type(error).__name__} in a connector"

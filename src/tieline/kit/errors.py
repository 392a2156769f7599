"""The one error tree. The class says what happens next; `code` is stable and has a runbook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a message: where (JSON Pointer), what, and the way out."""

    path: str
    message: str


class TielineError(Exception):
    """`detail` is one sentence for a project manager; it never holds a secret or personal value."""

    code = "defect"

    def __init__(self, detail: str, *, code: str | None = None, faults: Sequence[Fault] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.faults = tuple(faults)


class Transient(TielineError):
    """Certainly no effect: try again later, nobody is woken."""

    code = "unavailable"


class Unavailable(Transient):
    """The other side cannot be reached or says it is down, and certainly did nothing."""


class Throttled(Transient):
    """The other side asks for less. `retry_after_s` is its own wish, None when it gave none."""

    code = "throttled"

    def __init__(self, detail: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Unknown(TielineError):
    """May have had its effect: the operation class decides (D4). Only the wire client may say otherwise."""

    code = "outcome_unknown"


class Conflict(TielineError):
    """The world moved: read again, decide again."""

    code = "conflict"


class Rejected(TielineError):
    """The message is wrong and had no effect: hold, repair, retry."""

    code = "rejected"


class NotFound(TielineError):
    code = "not_found"


class NotAllowed(TielineError):
    code = "not_allowed"


class Blocked(TielineError):
    """A person or another system must act first. Carries the hold's code."""

    code = "blocked"


class CredentialInvalid(TielineError):
    """Stop this connection and tell its owner."""

    code = "credential_invalid"


class Defect(TielineError):
    """Ours: keep the message whole and wake us."""

    code = "defect"

"""Errors as RFC 9457 problem documents. The error tree decides the status; nothing internal is ever shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
import psycopg_pool
import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tieline.api.catalogue import CATALOGUE, Problem
from tieline.api.pressure import Overloaded
from tieline.kit.errors import (
    Blocked,
    Conflict,
    CredentialInvalid,
    Fault,
    NotAllowed,
    NotFound,
    Rejected,
    Throttled,
    TielineError,
    Transient,
    Unknown,
)

MEDIA_TYPE = "application/problem+json"
_CLASSES: tuple[tuple[type[TielineError], str], ...] = (
    (Throttled, "throttled"),
    (Transient, "unavailable"),
    (Unknown, "outcome_unknown"),
    (Conflict, "conflict"),
    (Rejected, "rejected"),
    (NotFound, "not_found"),
    (NotAllowed, "not_allowed"),
    (Blocked, "blocked"),
    (CredentialInvalid, "credential_invalid"),
)
_log = structlog.get_logger("tieline.api")


class Unauthenticated(TielineError):
    """Nobody we know: no key, a wrong one, or a signature that does not fit."""

    code = "unauthenticated"


def respond(
    request: Request,
    code: str,
    detail: str,
    *,
    faults: Sequence[Fault] = (),
    headers: Mapping[str, str] | None = None,
    retry_after_s: float | None = None,
) -> Response:
    problem = CATALOGUE[code]
    wait = problem.retry_after_s if retry_after_s is None else max(1, round(retry_after_s))
    extra = {} if wait is None else {"retry-after": str(wait)}
    document = _document(problem, detail, request, faults, wait)
    return JSONResponse(document, problem.status, headers={**extra, **(headers or {})}, media_type=MEDIA_TYPE)


def judge(error: Exception) -> TielineError:
    """Any exception as a member of the tree; what we do not recognise is a defect of ours."""
    if isinstance(error, TielineError):
        return error
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | psycopg_pool.PoolTimeout | TimeoutError):
        return Transient("The store cannot be reached at the moment; nothing was changed by this request.")
    return TielineError("A fault of ours stopped this request; it has been noted with the correlation id.")


def problem_of(request: Request, error: Exception) -> Response:
    """The one way from an exception to an answer."""
    judged = judge(error)
    code = code_of(judged)
    if CATALOGUE[code].status >= 500 and not isinstance(judged, Overloaded):  # thousands a second: said once, elsewhere
        _log.error("request_failed", code=code, correlation_id=correlation_of(request), error=type(error).__name__)
    headers = {"www-authenticate": 'Bearer realm="tieline"'} if code == "unauthenticated" else None
    wait = getattr(judged, "retry_after_s", None)
    return respond(request, code, judged.detail, faults=judged.faults, headers=headers, retry_after_s=wait)


def code_of(error: TielineError) -> str:
    """The catalogued code: the error's own if it has an entry, else that of its class."""
    if error.code in CATALOGUE:
        return error.code
    return next((code for kind, code in _CLASSES if isinstance(error, kind)), "defect")


def correlation_of(request: Request) -> str:
    return str(request.scope.get("tieline.correlation", ""))


def _document(
    problem: Problem, detail: str, request: Request, faults: Sequence[Fault], wait: float | None
) -> dict[str, Any]:
    return {
        "type": f"/problems/{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "detail": detail,
        "instance": request.url.path,
        "code": problem.code,
        "correlation_id": correlation_of(request),
        "retryable": problem.retryable,
        "retry_after_s": wait,
        "errors": [{"path": fault.path, "message": fault.message} for fault in faults],
        "runbook": f"/problems/{problem.code}",
        "owner": problem.owner,
        "way_out": problem.way_out,
    }

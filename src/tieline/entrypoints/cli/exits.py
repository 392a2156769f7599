"""Exit codes and problem documents: how every failure of a command ends, for people and for scripts."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import typer

from tieline.kit import errors

P = ParamSpec("P")
R = TypeVar("R")

DONE, FAILED, USAGE, CHANGES, NOT_ALLOWED, NOT_FOUND, CONFLICT, PARTLY, UNREACHABLE, INTERRUPTED = (
    0, 1, 2, 3, 4, 5, 6, 7, 8, 130,
)  # fmt: skip

_BY_STATUS = {
    400: USAGE, 401: NOT_ALLOWED, 403: NOT_ALLOWED, 404: NOT_FOUND, 409: CONFLICT, 412: CONFLICT,
    429: UNREACHABLE, 502: UNREACHABLE, 503: UNREACHABLE, 504: UNREACHABLE,
}  # fmt: skip
_BY_ERROR: tuple[tuple[type[errors.TielineError], int, int], ...] = (
    (errors.NotAllowed, NOT_ALLOWED, 403),
    (errors.CredentialInvalid, NOT_ALLOWED, 401),
    (errors.NotFound, NOT_FOUND, 404),
    (errors.Conflict, CONFLICT, 409),
    (errors.Transient, UNREACHABLE, 503),
    (errors.Rejected, FAILED, 422),
)
_BY_CODE = {"configuration_invalid": USAGE}


class Problem(errors.TielineError):
    """A refusal that the API (or this command) explains with a problem document (RFC 9457)."""

    def __init__(self, document: dict[str, Any], exit_code: int | None = None) -> None:
        super().__init__(
            document.get("detail") or document.get("title") or "The request failed.",
            code=document.get("code") or "failed",
        )
        self.document = document
        by_status = _BY_STATUS.get(document.get("status", 0), FAILED)
        self.exit_code = exit_code if exit_code is not None else _BY_CODE.get(self.code, by_status)


def problem(detail: str, *, code: str, status: int, exit_code: int | None = None, way_out: str = "") -> Problem:
    """A problem of the command's own, in the same shape as the API's."""
    document = {
        "type": f"urn:tieline:problem:{code}",
        "title": code.replace("_", " "),
        "status": status,
        "detail": detail,
        "code": code,
    }
    if way_out:
        document["way_out"] = way_out
    return Problem(document, exit_code)


def as_problem(error: errors.TielineError) -> Problem:
    if isinstance(error, Problem):
        return error
    exit_code, status = next(((e, s) for kind, e, s in _BY_ERROR if isinstance(error, kind)), (FAILED, 500))
    found = problem(error.detail, code=error.code, status=status, exit_code=_BY_CODE.get(error.code, exit_code))
    if error.faults:
        found.document["errors"] = [{"pointer": fault.path, "detail": fault.message} for fault in error.faults]
    return found


def tell(found: Problem, *, as_json: bool) -> None:
    """On stderr: the document for scripts, or the sentence, each fault, and the way out for people."""
    document = found.document
    if as_json:
        print(json.dumps(document, ensure_ascii=False), file=sys.stderr)
        return
    print(f"tieline: {found.detail}", file=sys.stderr)
    for fault in document.get("errors") or ():
        where = fault.get("pointer") or fault.get("path") or ""
        print(f"  {where} {fault.get('detail') or fault.get('message') or ''}".rstrip(), file=sys.stderr)
    if document.get("way_out"):
        print(f"  Way out: {document['way_out']}", file=sys.stderr)


def guarded(command: Callable[P, R]) -> Callable[P, R]:
    """Turns errors into exit codes. The option `--json` of a command also decides how its errors are told."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except errors.TielineError as error:
            found = as_problem(error)
            tell(found, as_json=bool(kwargs.get("as_json") or kwargs.get("as_jsonl")))
            raise typer.Exit(found.exit_code) from None
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(DONE) from None

    return run

"""Ironclad's way to say no: `{code, message, param?}` with a status."""

from __future__ import annotations

from starlette.responses import Response

from tieline.kit.errors import TielineError
from tieline.twins.chassis import answer


class Refused(TielineError):
    """A refusal in the vendor's words."""

    def __init__(self, status: int, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message, code=code)
        self.status = status
        self.param = param


def invalid(param: str, message: str) -> Refused:
    return Refused(400, "INVALID_PARAM", message, param)


def missing(param: str) -> Refused:
    return Refused(400, "MISSING_PARAM", f"missing required parameter {param}", param)


def unauthorized(message: str) -> Refused:
    return Refused(401, "UNAUTHORIZED", message)


def not_found(what: str) -> Refused:
    return Refused(404, "NOT_FOUND", f"{what} not found")


def explained(error: TielineError) -> Response:
    """The answer for any refusal; one of ours (a body that is no JSON) becomes INVALID_PARAM."""
    if not isinstance(error, Refused):
        return answer({"code": "INVALID_PARAM", "message": error.detail}, 400)
    content = {"code": error.code, "message": error.detail}
    if error.param is not None:
        content["param"] = error.param
    return answer(content, error.status)

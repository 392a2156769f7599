"""How the account says no: the vendor's error body with its codes."""

from __future__ import annotations

from starlette.responses import Response

from tieline.kit.errors import TielineError
from tieline.twins.chassis import answer

_TITLES = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 429: "Too Many Requests"}
_MEDIA = "application/vnd.oracle.resource+json; type=error"


class Refusal(TielineError):
    """One refusal with its HTTP status, vendor code and the path of the property at fault."""

    def __init__(self, detail: str, *, code: str, status: int = 400, path: str = "") -> None:
        super().__init__(detail, code=code)
        self.status = status
        self.path = path


def user_error(detail: str, path: str = "") -> Refusal:
    """The one code that stands for every business rule of an account."""
    return Refusal(f"Error while accessing a resource. {detail}", code="USER_ERROR", path=path)


def invalid(detail: str, path: str) -> Refusal:
    return Refusal(f"Error while accessing a resource. {detail}", code="INVALID_CONTENT", path=path)


def invalid_login() -> Refusal:
    """Also what an overloaded account says to a good token."""
    return Refusal("Invalid login attempt.", code="INVALID_LOGIN", status=401)


def busy() -> Refusal:
    return Refusal(
        "The request could not be processed because the concurrent request limit was exceeded.",
        code="CONCURRENCY_LIMIT_EXCEEDED",
        status=429,
    )


def stated(error: TielineError) -> Response:
    refusal = error if isinstance(error, Refusal) else Refusal(error.detail, code="INVALID_CONTENT")
    detail = {"detail": refusal.detail, "o:errorCode": refusal.code}
    if refusal.path:
        detail["o:errorPath"] = refusal.path
    body = {
        "type": f"https://www.rfc-editor.org/rfc/rfc9110.html#name-{refusal.status}",
        "title": _TITLES.get(refusal.status, "Error"),
        "status": refusal.status,
        "o:errorDetails": [detail],
    }
    return answer(body, refusal.status, media=_MEDIA)

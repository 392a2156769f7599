"""Around every answer: the correlation id, the safety headers, and errors that never leak. Plain ASGI, since it is hot."""

from __future__ import annotations

import re
from uuid import UUID

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tieline.api.limits import check_headers
from tieline.api.problems import problem_of
from tieline.kit.ids import uuid7

_SAFETY = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"strict-transport-security", b"max-age=31536000"),
    (b"x-content-type-options", b"nosniff"),
)
_TRACEPARENT = re.compile(rb"^[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$")


class Frame:
    """Wraps the edge. The correlation id is born here and may be replaced by the original's in `scope`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["tieline.correlation"] = uuid7()
        scope["tieline.traceparent"] = _traceparent(scope)
        started = ended = False

        async def send_framed(message: Message) -> None:
            nonlocal started, ended
            if message["type"] == "http.response.start":
                started = True
                _frame(message, scope["tieline.correlation"])
            ended = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        try:
            if not scope["path"].startswith("/hooks/"):
                check_headers(scope["headers"])
            await self._app(scope, receive, send_framed)
        except Exception as error:
            if ended:
                return  # answered as a problem further inside, and noted there
            if started:
                raise
            answer = problem_of(Request(scope), error)
            await answer(scope, receive, send_framed)


def _frame(message: Message, correlation: UUID) -> None:
    given = message["headers"]
    present = {name for name, _ in given}
    mine = (b"tieline-correlation-id", str(correlation).encode())
    message["headers"] = [*given, *(pair for pair in _SAFETY if pair[0] not in present), mine]


def _traceparent(scope: Scope) -> str | None:
    """A well-formed W3C traceparent, else None: a broken one is as good as none."""
    values = [value for name, value in scope["headers"] if name.lower() == b"traceparent"]
    return values[0].decode() if len(values) == 1 and _TRACEPARENT.match(values[0]) else None

"""Between the edge and the routes: bodies are bounded, JSON, and strictly one document before a route sees them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tieline.api.limits import is_json, parse, read_body
from tieline.kit.errors import Rejected

BODY_MAX = 256 * 1024


class Bodies:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises Rejected; the frame answers it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        body = await read_body(request, BODY_MAX)
        if body:
            if not is_json(request.headers):
                raise Rejected("The body must be sent as application/json.", code="wrong_content_type")
            parse(body)
        await self._app(scope, _again(body, receive), send)


def _again(body: bytes, receive: Receive) -> Receive:
    """The body once more, then whatever the server says, which is that the client left."""
    told = False

    async def receive_again() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again

"""The control plane under `/_twin/`: for tests and demos, guarded by its own token, never called by the product."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import ClassVar, Protocol

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tieline.kit.canonical import Json
from tieline.kit.errors import NotAllowed, TielineError
from tieline.twins.chassis.answers import accepted, answer, body
from tieline.twins.chassis.clock import Clock
from tieline.twins.chassis.journal import TruthJournal
from tieline.twins.chassis.rules import Faults, Rule
from tieline.twins.chassis.sender import Sender

Handler = Callable[[Request], Awaitable[Response]]


class Controlled(Protocol):
    """What the control plane needs of its twin."""

    name: ClassVar[str]
    control_token: str
    latency_ms: float
    clock: Clock
    journal: TruthJournal
    faults: Faults
    sender: Sender

    def controls(self) -> Sequence[BaseRoute]: ...
    def seed(self, document: Json) -> Json: ...
    def reset(self) -> None: ...
    def end_outage(self) -> None: ...
    def remember(self, name: str, value: str) -> None: ...
    def commit(self) -> None: ...
    def rollback(self) -> None: ...


class _Moves(msgspec.Struct, forbid_unknown_fields=True):
    offset_s: float | None = None
    advance_s: float | None = None
    at: str | None = None


def control_plane(twin: Controlled) -> ASGIApp:
    """The guarded application; every request is one transaction, as with the vendor's own operations."""
    routes = [
        Route("/_twin/health", _health(twin)),
        Route("/_twin/journal", _journal(twin)),
        Route("/_twin/faults", _faults(twin), methods=["GET", "POST", "DELETE"]),
        Route("/_twin/clock", _clock(twin), methods=["GET", "POST"]),
        Route("/_twin/latency", _latency(twin), methods=["POST"]),
        Route("/_twin/seed", _seed(twin), methods=["POST"]),
        Route("/_twin/reset", _reset(twin), methods=["POST"]),
        Route("/_twin/deliveries", _deliveries(twin)),
        *(_prefixed(route) for route in twin.controls()),
    ]

    async def explain(request: Request, error: Exception) -> Response:
        twin.rollback()
        if isinstance(error, TielineError):
            return answer({"code": error.code, "message": error.detail}, 403 if isinstance(error, NotAllowed) else 400)
        if isinstance(error, ValueError | KeyError):
            return answer({"code": "rejected", "message": repr(error)}, 400)
        return answer({"code": "twin_defect", "message": repr(error)}, 500)

    handlers = dict.fromkeys((TielineError, msgspec.ValidationError, ValueError, KeyError, Exception), explain)
    inner = Starlette(routes=routes, exception_handlers=handlers)

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        given = dict(scope["headers"]).get(b"x-twin-control", b"")
        if scope["path"] != "/_twin/health" and not hmac.compare_digest(given, twin.control_token.encode()):
            refusal = answer({"code": "not_allowed", "message": "The header X-Twin-Control is missing or wrong."}, 403)
            await refusal(scope, receive, send)
            return

        async def committing(message: Message) -> None:
            if message["type"] == "http.response.start":
                twin.commit()
            await send(message)

        try:
            await inner(scope, receive, committing)
        except BaseException:
            twin.rollback()
            raise

    return guarded


def _prefixed(route: BaseRoute) -> Route:
    if not isinstance(route, Route):
        raise TypeError("controls are plain routes")
    methods = sorted(route.methods or {"GET"})
    return Route("/_twin" + route.path, route.endpoint, methods=methods)


def _health(twin: Controlled) -> Handler:
    async def health(request: Request) -> Response:
        return answer({"name": twin.name, "status": "ok", "at": twin.clock.text()})

    return health


def _journal(twin: Controlled) -> Handler:
    async def journal(request: Request) -> Response:
        return answer({"entries": twin.journal.after(int(request.query_params.get("after", "0")))})

    return journal


def _faults(twin: Controlled) -> Handler:
    async def faults(request: Request) -> Response:
        if request.method == "GET":
            return answer({"rules": twin.faults.listed()})
        if request.method == "DELETE":
            twin.faults.disarm()
            twin.end_outage()
            return accepted()
        given = await body(request)
        rules = msgspec.convert(given if isinstance(given, list) else [given], list[Rule])
        return answer({"armed": twin.faults.arm(rules)})

    return faults


def _clock(twin: Controlled) -> Handler:
    async def clock(request: Request) -> Response:
        if request.method == "POST":
            moves = msgspec.convert(await body(request), _Moves)
            if moves.at is not None:
                twin.clock.set(datetime.fromisoformat(moves.at))
            if moves.offset_s is not None:
                twin.clock.offset_s = moves.offset_s
            if moves.advance_s is not None:
                twin.clock.move(moves.advance_s)
            twin.remember("clock_offset_s", str(twin.clock.offset_s))
            twin.commit()
        return answer({"at": twin.clock.text(), "offset_s": twin.clock.offset_s})

    return clock


def _latency(twin: Controlled) -> Handler:
    async def latency(request: Request) -> Response:
        twin.latency_ms = float((await body(request))["ms"])
        return answer({"ms": twin.latency_ms})

    return latency


def _seed(twin: Controlled) -> Handler:
    async def seed(request: Request) -> Response:
        result = twin.seed(await body(request))
        twin.commit()
        return answer(result)

    return seed


def _reset(twin: Controlled) -> Handler:
    async def reset(request: Request) -> Response:
        twin.reset()
        return accepted()

    return reset


def _deliveries(twin: Controlled) -> Handler:
    async def deliveries(request: Request) -> Response:
        return answer({"deliveries": twin.sender.listed()})

    return deliveries

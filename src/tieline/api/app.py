"""The public listener as one ASGI application: hooks on the short way, everything else through FastAPI.

Administration is not on this listener at all.
"""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from tieline.api import census, clock, events, experience, process, systems, webhooks
from tieline.api.batcher import Batcher
from tieline.api.bodies import Bodies
from tieline.api.frame import Frame
from tieline.api.health import Health
from tieline.api.hooks import Hooks
from tieline.api.openapi import described
from tieline.api.pressure import Pressure
from tieline.api.problems import problem_of, respond
from tieline.api.services import Services
from tieline.kit.errors import Fault, NotFound, TielineError

_BY_STATUS = {404: "not_found", 405: "method_not_allowed", 401: "unauthenticated", 403: "not_allowed"}


def create_app(services: Services) -> ASGIApp:
    """Owns nothing that must be closed: pools belong to the composition root."""
    batcher = Batcher(
        services.edge_pool,
        batch_limit=services.batch_limit,
        queue_limit=services.queue_limit,
        patience_s=services.patience_s,
        pressure=Pressure(services.pool, services.free_bytes),
    )
    health, rest = Health(services, batcher), create_api()
    rest.state.services, rest.state.batcher = services, batcher
    routes = [
        Route("/livez", health.alive),
        Route("/readyz", health.ready),
        Route("/version", health.version),
        Route("/problems/{code}", health.problem),
        Mount("/", Bodies(rest)),
    ]
    return Frame(hooks_first(Hooks(services, batcher), Router(routes, redirect_slashes=False)))


def hooks_first(hooks: Hooks, rest: ASGIApp) -> ASGIApp:
    """The hot route is found by two comparisons; a router would look at every route twice on the way."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        parts = scope["path"].split("/") if scope["type"] == "http" else []
        if len(parts) == 4 and parts[1] == "hooks" and scope["method"] == "POST":
            scope["path_params"] = {"tenant": parts[2], "system": parts[3]}
            answer = await hooks.receive(Request(scope, receive))
            await answer(scope, receive, send)
        else:
            await rest(scope, receive, send)

    return app


def create_api() -> FastAPI:
    """The described part: its OpenAPI document does not depend on any service."""
    api = FastAPI(title="Tieline", version="1", openapi_url="/openapi.json", docs_url=None, redoc_url=None)
    for part in (experience, process, systems, census, clock, events, webhooks):
        api.include_router(part.router)
    api.add_exception_handler(TielineError, _any)
    api.add_exception_handler(Exception, _any)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(HTTPException, _framework)
    described(api)
    return api


async def _any(request: Request, error: Exception) -> Response:
    return problem_of(request, error)


async def _invalid(request: Request, error: Exception) -> Response:
    """Every fault at once, each with a JSON Pointer into what was sent."""
    assert isinstance(error, RequestValidationError), "registered for this class"
    faults = [Fault(_pointer(fault["loc"]), str(fault["msg"])) for fault in error.errors()]
    if all(fault["loc"][0] == "path" for fault in error.errors()):
        return problem_of(request, NotFound("There is no such thing here."))
    return respond(request, "rejected", f"The request has {len(faults)} fault(s); errors[] names each.", faults=faults)


async def _framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), "registered for this class"
    code = _BY_STATUS.get(error.status_code, "malformed" if error.status_code < 500 else "defect")
    return respond(request, code, "Nothing is at this address." if code == "not_found" else str(error.detail))


def _pointer(location: tuple[int | str, ...]) -> str:
    parts = location[1:] if location[0] == "body" else location
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)

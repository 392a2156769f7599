"""What every route needs: the services, a tenant's cursor, the refusal of what nobody asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Any
from uuid import UUID

from fastapi import Request
from fastapi.encoders import jsonable_encoder
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse

from tieline.api.auth import Caller
from tieline.api.batcher import Batcher
from tieline.api.services import Services
from tieline.engine.rows import Cursor, tenant_transaction
from tieline.kit.errors import Fault, Rejected
from tieline.ports.landscape import TenantSetup


def services_of(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def batcher_of(request: Request) -> Batcher:
    batcher: Batcher = request.app.state.batcher
    return batcher


def setup_of(request: Request, caller: Caller) -> TenantSetup:
    return services_of(request).landscape[caller.tenant]


def correlation(request: Request) -> UUID:
    found: UUID = request.scope["tieline.correlation"]
    return found


@asynccontextmanager
async def reading(request: Request, caller: Caller) -> AsyncIterator[Cursor]:
    """One transaction that sees the caller's tenant. The statement's time is bounded by the role's settings."""
    services = services_of(request)
    async with (
        services.pool.connection(timeout=services.patience_s) as connection,
        tenant_transaction(connection, caller.tenant) as cursor,
    ):
        yield cursor


async def known_query(request: Request) -> None:
    """Unknown parameters are refused: a typing error must not widen an answer."""
    route = request.scope.get("route")
    known = _parameters(route) if isinstance(route, APIRoute) else set()
    faults = [Fault(f"/query/{name}", "is not a parameter here") for name in request.query_params if name not in known]
    if faults:
        raise Rejected("The address names parameters that are not known here.", faults=faults)


def _parameters(route: APIRoute) -> set[str]:
    return {parameter.alias for parameter in route.dependant.query_params}


def answer(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(plainly(document), status, headers=dict(headers or {}))


def plainly(document: Any) -> Any:
    """Rows as JSON: instants in UTC with Z, decimals and ids as text."""
    return jsonable_encoder(document, custom_encoder={datetime: _instant, date: date.isoformat})


def _instant(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")

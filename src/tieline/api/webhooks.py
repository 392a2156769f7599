"""/webhooks/v1: who is told of business events, and what became of telling. A secret is in one answer and never again."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Request
from pydantic import AwareDatetime, Field
from starlette.responses import Response

from tieline.api import words
from tieline.api.auth import Caller, require
from tieline.api.context import answer, correlation, known_query, plainly, reading, services_of, setup_of
from tieline.api.idempotency import Key, Outcome, once
from tieline.api.paging import CursorText, Limit, next_link, seal, unseal
from tieline.api.shapes import Asked, Identifier, NothingAsked, Text, Word
from tieline.domain.facts import CATALOGUE
from tieline.engine.deliveries import views
from tieline.engine.deliveries.orders import OVERLAP, OVERLAP_MAX, By, Endpoints
from tieline.engine.deliveries.replays import stored_event
from tieline.kit.errors import Fault, NotFound, Rejected
from tieline.routing.filters import Filter, checked_filter

router = APIRouter(tags=["webhooks"], dependencies=[Depends(known_query)])
Reader = Annotated[Caller, Depends(require("webhook:read"))]
Writer = Annotated[Caller, Depends(require("webhook:write"))]
EventReader = Annotated[Caller, Depends(require("event:read"))]
Nothing = Annotated[NothingAsked | None, Body()]
_ENDPOINTS = "/webhooks/v1/endpoints"
_ONE = _ENDPOINTS + "/{endpoint_id}"
Order = Callable[[Endpoints, By], Awaitable[dict[str, Any]]]


class EndpointAsked(Asked):
    """Where to send, and of what: event types (whole, or a beginning with `.*`) and legal entities; none means all."""

    url: Annotated[
        str, Field(min_length=8, max_length=500, pattern=r"^[!-~]+$", examples=["https://partner.example/in"])
    ]
    description: Text = ""
    types: tuple[Annotated[str, Field(max_length=100)], ...] = ()
    legal_entities: tuple[Word, ...] = ()


class RotateAsked(Asked):
    """How long the present secret goes on signing beside the new one."""

    overlap_s: Annotated[int, Field(ge=0, le=int(OVERLAP_MAX.total_seconds()))] = int(OVERLAP.total_seconds())


class ResendAsked(Asked):
    event_id: UUID


class RecoverAsked(Asked):
    since: AwareDatetime


@router.get(_ENDPOINTS, operation_id="webhook_list")
async def webhook_list(request: Request, caller: Reader) -> Response:
    """Every endpoint: how far it was told, how it is doing, what waits for it."""
    async with reading(request, caller) as rows:
        return answer({"endpoints": await views.endpoints(rows)})


@router.post(_ENDPOINTS, operation_id="webhook_add", status_code=202)
async def webhook_add(request: Request, caller: Writer, key: Key, asked: EndpointAsked) -> Response:
    """Register an endpoint; it is told of everything from now on. `secret` is shown in this answer only."""
    wanted = _filter(request, caller, asked)

    async def add(endpoints: Endpoints, by: By) -> dict[str, Any]:
        return await endpoints.add(by, asked.url, wanted, asked.description)

    return await _ordered(request, caller, "webhook_add", key, asked.model_dump(mode="json"), add)


@router.post(_ONE + "/rotate", operation_id="webhook_rotate", status_code=202)
async def webhook_rotate(
    request: Request, caller: Writer, endpoint_id: Identifier, key: Key, asked: RotateAsked
) -> Response:
    """A new secret, shown in this answer only; messages are signed with both until the overlap ends."""

    async def rotate(endpoints: Endpoints, by: By) -> dict[str, Any]:
        return await endpoints.rotate(by, endpoint_id, timedelta(seconds=asked.overlap_s))

    return await _ordered(request, caller, "webhook_rotate", key, [endpoint_id, asked.overlap_s], rotate)


@router.post(_ONE + "/disable", operation_id="webhook_disable", status_code=202)
async def webhook_disable(
    request: Request, caller: Writer, endpoint_id: Identifier, key: Key, asked: Nothing = None
) -> Response:
    """Send nothing more. The endpoint's place in the feed is kept."""

    async def disable(endpoints: Endpoints, by: By) -> dict[str, Any]:
        return await endpoints.disable(by, endpoint_id)

    return await _ordered(request, caller, "webhook_disable", key, [endpoint_id], disable)


@router.post(_ONE + "/enable", operation_id="webhook_enable", status_code=202)
async def webhook_enable(
    request: Request, caller: Writer, endpoint_id: Identifier, key: Key, asked: Nothing = None
) -> Response:
    """Go on where it stood, and try at once what waits."""

    async def enable(endpoints: Endpoints, by: By) -> dict[str, Any]:
        return await endpoints.enable(by, endpoint_id)

    return await _ordered(request, caller, "webhook_enable", key, [endpoint_id], enable)


@router.post(_ONE + "/resend", operation_id="webhook_resend", status_code=202)
async def webhook_resend(
    request: Request, caller: Writer, endpoint_id: Identifier, key: Key, asked: ResendAsked
) -> Response:
    """One event once more under its own id."""

    async def resend(endpoints: Endpoints, by: By) -> dict[str, Any]:
        return await endpoints.resend(by, endpoint_id, asked.event_id)

    return await _ordered(request, caller, "webhook_resend", key, [endpoint_id, str(asked.event_id)], resend)


@router.post(_ONE + "/recover", operation_id="webhook_recover", status_code=202)
async def webhook_recover(
    request: Request, caller: Writer, endpoint_id: Identifier, key: Key, asked: RecoverAsked
) -> Response:
    """Everything recorded since that instant once more, under the same ids."""

    async def recover(endpoints: Endpoints, by: By) -> dict[str, Any]:
        return await endpoints.recover(by, endpoint_id, asked.since)

    return await _ordered(request, caller, "webhook_recover", key, [endpoint_id, asked.since.isoformat()], recover)


@router.get(_ONE + "/attempts", operation_id="webhook_attempts")
async def webhook_attempts(
    request: Request, caller: Reader, endpoint_id: Identifier, limit: Limit = 50, cursor: CursorText = None
) -> Response:
    """What was answered when, newest first: status and duration, never a body."""
    key, listing = services_of(request).cursor_key, f"attempts/{endpoint_id}"
    before = unseal(key, caller.tenant, listing, cursor)
    async with reading(request, caller) as rows:
        if not await views.endpoints(rows, endpoint_id):
            raise NotFound(f"There is no webhook endpoint {endpoint_id}.")
        found = await views.attempts(rows, endpoint_id, before=UUID(before) if before else None, limit=limit + 1)
    shown = found[:limit]
    further = seal(key, caller.tenant, listing, str(shown[-1]["attempt_id"])) if len(found) > limit else None
    return answer({"attempts": shown, "next_cursor": further}, headers=next_link(request, further))


@router.get("/events/v1/{event_id}", operation_id="event_get")
async def event_get(request: Request, caller: EventReader, event_id: UUID) -> Response:
    """One event: where the `dataref` of a webhook too large to carry its content leads."""
    async with reading(request, caller) as rows:
        row = await stored_event(rows, event_id)
    if row is None:
        raise NotFound(f"There is no event {event_id} here.")
    return answer(words.event_of(row))


def _filter(request: Request, caller: Caller, asked: EndpointAsked) -> Filter:
    known = getattr(setup_of(request, caller).firm, "legal_entities", {})
    unknown = sorted(set(asked.legal_entities) - set(known))
    if unknown:
        said = f"{', '.join(unknown)} is no legal entity of this firm"
        raise Rejected(f"The endpoint asks for what is not there: {said}.", faults=[Fault("/legal_entities", said)])
    return checked_filter(asked.types, asked.legal_entities, CATALOGUE)


async def _ordered(request: Request, caller: Caller, name: str, key: str, asked: Any, order: Order) -> Response:
    """Once per key. The secret goes into this answer alone: what is kept for a repeat does not have it."""
    endpoints = services_of(request).endpoints
    if endpoints is None:
        raise NotFound("Webhooks out are not set up on this hub.")
    shown: dict[str, Any] = {}

    async def run() -> Outcome:
        by = By(tenant=caller.tenant, principal=caller.principal, correlation_id=correlation(request))
        done = await order(endpoints, by)
        if "secret" in done:
            shown["secret"] = done.pop("secret")
        return Outcome(body=plainly(done))

    kept = await once(request, caller, name, key, asked, run)
    return answer({**json.loads(bytes(kept.body)), **shown}, kept.status_code) if shown else kept

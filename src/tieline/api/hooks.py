"""POST /hooks/{tenant}/{system}: what other systems tell us. Hot, hence raw: no framework between socket and batcher.

A 2xx is sent only after the commit that holds the input (L1, V4). The signature is checked over the raw bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from tieline.api.limits import HEADER_BYTES_MAX, HEADERS_MAX, check_shape, once, read_body
from tieline.api.problems import Unauthenticated, respond
from tieline.api.services import Services
from tieline.engine.inputs import Accepted, NewInput
from tieline.kit.canonical import digest_of, encode
from tieline.kit.errors import NotAllowed, NotFound, Rejected
from tieline.ports.systems import Notification, Source

BODY_MAX = 1024 * 1024


class Journal(Protocol):
    """Where accepted inputs go; `Batcher` in the product. `admit` raises Unavailable while it takes nothing."""

    def admit(self) -> None: ...

    async def submit(self, inputs: Sequence[NewInput]) -> list[Accepted]: ...


class Hooks:
    def __init__(self, services: Services, batcher: Journal) -> None:
        self._services = services
        self._batcher = batcher

    async def receive(self, request: Request) -> Response:
        """Raises the error tree; the frame answers it as a problem."""
        tenant, system = request.path_params["tenant"], request.path_params["system"]
        source = self._source(tenant, system)
        self._batcher.admit()  # first of all: a refusal must cost nothing
        _bound_headers(request)
        body = await read_body(request, BODY_MAX)
        check_shape(body)
        notifications = self._verify(source, request, body)
        inputs = [_input(tenant, system, notification, _correlation(request)) for notification in notifications]
        accepted = await self._batcher.submit(inputs)
        if accepted:
            request.scope["tieline.correlation"] = accepted[0].correlation_id
        return _answer(request, accepted)

    def _source(self, tenant: str, system: str) -> Source:
        setup = self._services.landscape.get(tenant)
        source = setup.sources.get(system) if setup else None
        if source is None:
            raise NotFound("Nobody listens at this address.")
        return source

    def _verify(self, source: Source, request: Request, body: bytes) -> Sequence[Notification]:
        try:
            return source.verify(once(request.scope["headers"]), body, self._services.clock())
        except NotAllowed as error:
            raise Unauthenticated(error.detail) from None
        except (Rejected, RecursionError) as error:
            detail = error.detail if isinstance(error, Rejected) else "The message is nested too deep."
            raise Rejected(detail, code="malformed", faults=getattr(error, "faults", ())) from None


def _bound_headers(request: Request) -> None:
    headers = request.scope["headers"]
    if len(headers) > HEADERS_MAX or sum(len(name) + len(value) for name, value in headers) > HEADER_BYTES_MAX:
        raise Rejected(f"At most {HEADERS_MAX} headers are taken.", code="too_many_headers")


def _correlation(request: Request) -> UUID:
    correlation: UUID = request.scope["tieline.correlation"]
    return correlation


def _input(tenant: str, system: str, notification: Notification, correlation: UUID) -> NewInput:
    """Keyed by the sender's own id of the fact within its system: whatever else a second one says, it is the second."""
    return NewInput(
        tenant=tenant,
        channel="webhook",
        system=system,
        topic=notification.topic,
        source_id=notification.source_id,
        dedup=digest_of("webhook", system, notification.dedup),
        body=None if notification.body is None else encode(notification.body),
        correlation_id=correlation,
    )


def _answer(request: Request, accepted: Sequence[Accepted]) -> Response:
    if any(one.conflict for one in accepted):
        return respond(
            request, "duplicate_with_other_content", "This message's identifier was used before with other content."
        )
    document = {
        "correlation_id": str(_correlation(request)),
        "accepted": len(accepted),
        "duplicates": sum(one.duplicate for one in accepted),
    }
    return Response(encode(document), 202, media_type="application/json")

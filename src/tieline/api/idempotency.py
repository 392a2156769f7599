"""One intention, one effect: a repeat with the same Idempotency-Key gets the first answer again.

Scope is tenant, principal and operation. A failed attempt frees its key, since nothing happened; an attempt that
vanished (the process died) may be taken over after a minute, since every operation behind it is itself idempotent.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request
from psycopg.types.json import Jsonb
from starlette.responses import JSONResponse, Response

from tieline.api.auth import Caller
from tieline.api.problems import correlation_of
from tieline.api.services import Services
from tieline.engine.rows import Cursor, tenant_transaction
from tieline.kit.canonical import Json, digest
from tieline.kit.errors import Conflict, Fault, Rejected

HEADER = "Idempotency-Key"
_KEY = re.compile(r'^(?:"([\x20\x21\x23-\x5b\x5d-\x7e]{1,255})"|([!#-+\--~]{1,255}))$')


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one effect answers: kept with its key."""

    body: Json
    status: int = 202
    headers: dict[str, str] = field(default_factory=dict)


async def idempotency_key(request: Request) -> str:
    """A quoted structured string, or bare."""
    given = request.headers.get(HEADER)
    if given is None:
        raise Rejected(f"This request has an effect: send the header {HEADER}.", code="idempotency_key_missing")
    matched = _KEY.match(given.strip())
    if matched is None:
        raise Rejected(f"The header {HEADER} holds 1 to 255 printable characters.", code="header_refused")
    return matched.group(1) or matched.group(2)


Key = Annotated[str, Depends(idempotency_key)]


async def once(
    request: Request, caller: Caller, operation: str, key: str, asked: Json, run: Callable[[], Awaitable[Outcome]]
) -> Response:
    """Run at most once per key; `asked` is all that decides what happens, path included."""
    services: Services = request.app.state.services
    place = (caller.principal, operation, key)
    async with (
        services.pool.connection(timeout=services.patience_s) as connection,
        tenant_transaction(connection, caller.tenant) as cursor,
    ):
        stored = await _reserve(cursor, caller.tenant, place, digest(asked))
    if stored is not None:
        return _response(request, stored, replayed=True)
    try:
        outcome = await run()
    except BaseException:
        await _settle(services, caller.tenant, _RELEASE, place)
        raise
    await _settle(services, caller.tenant, _STORE, (outcome.status, _document(request, outcome), *place))
    return _response(request, outcome, replayed=False)


async def _reserve(cursor: Cursor, tenant: str, place: tuple[str, str, str], asked: bytes) -> Outcome | None:
    """None: the caller may run. Raises when another request holds the key."""
    await cursor.execute(_RESERVE, (tenant, *place, asked))
    if await cursor.fetchone() is not None:
        return None
    await cursor.execute(_READ, place)
    row = await cursor.fetchone()
    if row is None or (bytes(row["request_hash"]) == asked and row["status"] is None and not row["abandoned"]):
        raise Conflict("The same request is still being handled: repeat it in a moment.", code="in_progress")
    if bytes(row["request_hash"]) != asked:
        fault = Fault(f"/headers/{HEADER}", "was used for another request")
        raise Rejected(f"This {HEADER} was used for another request.", code="idempotency_key_reused", faults=[fault])
    if row["status"] is None:
        await cursor.execute(_TAKE_OVER, place)
        return None
    return Outcome(body=row["response"]["body"], status=row["status"], headers=row["response"]["headers"])


async def _settle(services: Services, tenant: str, sql: str, values: tuple[object, ...]) -> None:
    async with (
        services.pool.connection(timeout=services.patience_s) as connection,
        tenant_transaction(connection, tenant) as cursor,
    ):
        await cursor.execute(sql.encode(), values)


def _document(request: Request, outcome: Outcome) -> Jsonb:
    return Jsonb(
        {"body": outcome.body, "headers": {**outcome.headers, "tieline-correlation-id": correlation_of(request)}}
    )


def _response(request: Request, outcome: Outcome, *, replayed: bool) -> Response:
    headers = dict(outcome.headers)
    if replayed:
        headers["Idempotency-Replayed"] = "true"
        request.scope["tieline.correlation"] = headers.pop("tieline-correlation-id")
    return JSONResponse(outcome.body, outcome.status, headers=headers)


_RESERVE = """insert into idempotency (tenant_id, principal_id, operation, key, request_hash)
values (%s, %s, %s, %s, %s) on conflict do nothing returning key"""
_READ = """select request_hash, status, response, created_at < now() - interval '1 minute' as abandoned from idempotency
where tenant_id = current_setting('tieline.tenant') and principal_id = %s and operation = %s and key = %s for update"""
_TAKE_OVER = """update idempotency set created_at = now() where tenant_id = current_setting('tieline.tenant')
  and principal_id = %s and operation = %s and key = %s"""
_STORE = """update idempotency set status = %s, response = %s where tenant_id = current_setting('tieline.tenant')
  and principal_id = %s and operation = %s and key = %s"""
_RELEASE = """delete from idempotency where tenant_id = current_setting('tieline.tenant')
  and principal_id = %s and operation = %s and key = %s and status is null"""

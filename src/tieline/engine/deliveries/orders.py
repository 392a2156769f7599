"""What people order about endpoints: register, change over to a new secret, switch off and on, tell once more (A1).

Each order is one transaction, journaled on the endpoint's lane. A secret is shown in the answer of its order and never again.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from tieline.engine.deliveries.journal import journal_change, lane_of
from tieline.engine.deliveries.loading import MAIN, secret_context
from tieline.engine.deliveries.replays import place_before, stored_event
from tieline.engine.holds import lift_subjects
from tieline.engine.lanes import lock_lanes
from tieline.engine.rows import Cursor, Row, tenant_transaction
from tieline.kit.errors import Conflict, NotFound
from tieline.kit.ids import uuid7
from tieline.ports.landscape import Cipher
from tieline.routing.filters import Filter
from tieline.routing.signing import SECRET_BYTES, spelled

OVERLAP = timedelta(hours=24)
OVERLAP_MAX = timedelta(days=30)
ENDPOINTS_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who orders, and under which correlation."""

    tenant: str
    principal: str
    correlation_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """`check_url` raises Blocked for an address that must not be called; names are judged again at every call."""

    pool: AsyncConnectionPool[AsyncConnection]
    cipher: Cipher
    clock: Callable[[], datetime]
    check_url: Callable[[str], None]

    async def add(self, by: By, url: str, wanted: Filter, description: str = "") -> dict[str, Any]:
        """Told of everything from now on; what was before is had by `recover`. Answers the id and the secret."""
        self.check_url(url)
        endpoint_id = f"whe_{uuid7().hex}"
        async with self.pool.connection() as connection, tenant_transaction(connection, by.tenant) as cursor:
            await lock_lanes(cursor, by.tenant, [lane_of(endpoint_id)], create=True)
            values = (by.tenant, endpoint_id, url, description, sorted(wanted.types), sorted(wanted.legal_entities))
            await cursor.execute(_ADD, (*values, by.principal, by.principal, ENDPOINTS_MAX))
            if await cursor.fetchone() is None:
                raise Conflict(f"There are {ENDPOINTS_MAX} active endpoints already: switch one off first.")
            secret = await self._new_secret(cursor, by.tenant, endpoint_id)
            await _journal(cursor, by, endpoint_id, "registered")
        return {"endpoint_id": endpoint_id, "secret": secret}

    async def rotate(self, by: By, endpoint_id: str, overlap: timedelta = OVERLAP) -> dict[str, Any]:
        """A new secret beside the present ones, which go on signing for `overlap`."""
        until = self.clock() + min(max(overlap, timedelta(0)), OVERLAP_MAX)
        async with self.pool.connection() as connection, tenant_transaction(connection, by.tenant) as cursor:
            await _locked(cursor, endpoint_id)
            await cursor.execute(_EXPIRE, (until, endpoint_id))
            secret = await self._new_secret(cursor, by.tenant, endpoint_id)
            await _journal(cursor, by, endpoint_id, "rotated")
        return {"endpoint_id": endpoint_id, "secret": secret, "earlier_valid_until": until}

    async def disable(self, by: By, endpoint_id: str) -> dict[str, Any]:
        """Nothing more is sent; its place in the feed is kept."""
        async with self.pool.connection() as connection, tenant_transaction(connection, by.tenant) as cursor:
            if (await _locked(cursor, endpoint_id))["state"] == "active":
                await cursor.execute(_DISABLE, (self.clock(), by.principal, endpoint_id))
                await _journal(cursor, by, endpoint_id, "disabled")
        return {"endpoint_id": endpoint_id, "state": "disabled"}

    async def enable(self, by: By, endpoint_id: str) -> dict[str, Any]:
        """Goes on where it stood, with everything that waits tried now; of one that is on, too."""
        now = self.clock()
        async with self.pool.connection() as connection, tenant_transaction(connection, by.tenant) as cursor:
            await _locked(cursor, endpoint_id)
            await cursor.execute(_ENABLE, (by.principal, endpoint_id))
            await cursor.execute(_AGAIN, (now, now, endpoint_id))
            await lift_subjects(cursor, by.tenant, "engine", [f"webhook:{endpoint_id}"])
            await _journal(cursor, by, endpoint_id, "enabled")
        return {"endpoint_id": endpoint_id, "state": "active"}

    async def resend(self, by: By, endpoint_id: str, event_id: UUID) -> dict[str, Any]:
        """One event once more, or at last: under its own id, without regard to types asked for."""
        now = self.clock()
        async with self.pool.connection() as connection, tenant_transaction(connection, by.tenant) as cursor:
            endpoint = await _active(cursor, endpoint_id)
            event = await stored_event(cursor, event_id, endpoint["legal_entities"])
            if event is None:
                raise NotFound(f"There is no event {event_id} for this endpoint.")
            await cursor.execute(_HEAD_AGAIN, (now, endpoint_id, MAIN, event["lane"], event["lane_seq"]))
            waited = await cursor.fetchone()
            replay_id = None if waited else await self._replay(cursor, by, endpoint_id, event_id=event_id)
            if replay_id is not None:
                place = (by.tenant, endpoint_id, replay_id, event["lane"], event["lane_seq"], event["lane_seq"])
                await cursor.execute(_WAIT, (*place, now, now))
            await _journal(cursor, by, endpoint_id, "resent")
        return {"endpoint_id": endpoint_id, "event_id": event_id, "replay_id": replay_id}

    async def recover(self, by: By, endpoint_id: str, since: datetime) -> dict[str, Any]:
        """Everything recorded since that instant, as far as the endpoint has come, once more under the same ids."""
        async with self.pool.connection() as connection, tenant_transaction(connection, by.tenant) as cursor:
            endpoint = await _active(cursor, endpoint_id)
            after = await place_before(cursor, since)
            until = max(int(endpoint["position"]), after)
            replay_id = await self._replay(cursor, by, endpoint_id, after=after, until=until, since=since)
            await _journal(cursor, by, endpoint_id, "recovered")
        return {"endpoint_id": endpoint_id, "replay_id": replay_id, "positions": until - after}

    async def _replay(
        self, cursor: Cursor, by: By, endpoint_id: str, after: int = 0, until: int = 0, **why: Any
    ) -> UUID:
        replay_id = uuid7()
        ends_at = self.clock() if until == after and "since" in why else None
        values = (by.tenant, replay_id, endpoint_id, after, until, why.get("event_id"), why.get("since"))
        await cursor.execute(_REPLAY, (*values, by.principal, self.clock(), ends_at))
        return replay_id

    async def _new_secret(self, cursor: Cursor, tenant: str, endpoint_id: str) -> str:
        key, secret_id = os.urandom(SECRET_BYTES), uuid7()
        sealed = self.cipher.seal(key, secret_context(tenant, endpoint_id, secret_id))
        await cursor.execute(_KEY_ADDED, (tenant, endpoint_id, secret_id, sealed, self.clock()))
        return spelled(key)


async def _journal(cursor: Cursor, by: By, endpoint_id: str, change: str) -> None:
    await journal_change(cursor, by.tenant, endpoint_id, change, by.principal, by.correlation_id)


async def _locked(cursor: Cursor, endpoint_id: str) -> Row:
    await cursor.execute(_LOCK, (endpoint_id,))
    row = await cursor.fetchone()
    if row is None:
        raise NotFound(f"There is no webhook endpoint {endpoint_id}.")
    return row


async def _active(cursor: Cursor, endpoint_id: str) -> Row:
    row = await _locked(cursor, endpoint_id)
    if row["state"] != "active":
        raise Conflict(f"The webhook endpoint {endpoint_id} is switched off: enable it first.")
    return row


_ADD = """insert into endpoints (tenant_id, endpoint_id, url, description, types, legal_entities, created_by, changed_by,
  position)
select %s, %s, %s, %s, %s, %s, %s, %s,
  coalesce((select position from feed_heads where tenant_id = current_setting('tieline.tenant')), 0)
where (select count(*) from endpoints where tenant_id = current_setting('tieline.tenant') and state = 'active') < %s
returning endpoint_id"""
_KEY_ADDED = """insert into endpoint_secrets (tenant_id, endpoint_id, secret_id, sealed, created_at)
values (%s, %s, %s, %s, %s)"""
_LOCK = (
    """select * from endpoints where tenant_id = current_setting('tieline.tenant') and endpoint_id = %s for update"""
)
_EXPIRE = """update endpoint_secrets set valid_until = least(valid_until, %s)
where tenant_id = current_setting('tieline.tenant') and endpoint_id = %s"""
_DISABLE = """update endpoints set state = 'disabled', off_reason = 'order', off_at = %s, changed_at = now(), changed_by = %s
where tenant_id = current_setting('tieline.tenant') and endpoint_id = %s"""
_ENABLE = """update endpoints set state = 'active', off_reason = null, off_at = null, failures = 0, failing_since = null,
  next_at = null, changed_at = now(), changed_by = %s
where tenant_id = current_setting('tieline.tenant') and endpoint_id = %s"""
_AGAIN = """update deliveries set due_at = %s, attempts = 0, since = %s, own = false
where tenant_id = current_setting('tieline.tenant') and endpoint_id = %s"""
_HEAD_AGAIN = """update deliveries set due_at = %s, attempts = 0, own = false
where tenant_id = current_setting('tieline.tenant') and endpoint_id = %s and replay_id = %s and lane = %s and next_seq = %s
returning lane"""
_REPLAY = """insert into replays (tenant_id, replay_id, endpoint_id, position, until_position, event_id, since, ordered_by,
  ordered_at, finished_at)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""
_WAIT = """insert into deliveries (tenant_id, endpoint_id, replay_id, lane, next_seq, upto_seq, due_at, since)
values (%s, %s, %s, %s, %s, %s, %s, %s)"""

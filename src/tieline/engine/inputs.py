"""The gate: what was accepted is in the journal once, before anybody is told so.

Many requests of many tenants become one transaction: one statement per tenant, pipelined. An input's id follows from its
tenant and dedup key, so a second delivery finds the first by arithmetic and not by a search.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

from psycopg import AsyncConnection, AsyncCursor

from tieline.engine.crashpoints import crash_point
from tieline.engine.shards import shard_of

_VERSION, _VARIANT = 0x8 << 76, 0x2 << 62  # RFC 9562, version 8: bits of our own choosing


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInput:
    """`dedup` is 16 bytes for the sender's own id of the fact; `body` the complete document, None when it must be fetched."""

    tenant: str
    channel: str
    system: str
    topic: str
    source_id: str
    dedup: bytes
    body: bytes | None
    correlation_id: UUID
    source_version: str | None = None
    causation_id: UUID | None = None
    principal: str | None = None

    @property
    def input_id(self) -> UUID:
        number = int.from_bytes(hashlib.blake2b(self.tenant.encode() + b"\x1f" + self.dedup, digest_size=16).digest())
        return UUID(int=(number & ~(0xF << 76) & ~(0x3 << 62)) | _VERSION | _VARIANT)

    @property
    def body_hash(self) -> bytes:
        """What the dedup key is bound to: the same key with anything else is refused (D2)."""
        says = "\x1f".join((self.topic, self.source_id, self.source_version or "")).encode()
        return hashlib.blake2b(says + b"\x1e" + (self.body or b""), digest_size=16).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """`duplicate`: seen before, nothing was written. `conflict`: seen before with other content, refused."""

    input_id: UUID
    correlation_id: UUID
    duplicate: bool = False
    conflict: bool = False


async def accept(connection: AsyncConnection[Any], inputs: Sequence[NewInput]) -> list[Accepted]:
    """Journal `inputs` in one transaction and answer in order. Nothing is accepted when this raises.

    Inside the caller's transaction it becomes part of it, so that a cursor is stored with its page (L4).
    """
    prepared = [_Prepared(n, item, item.input_id, item.body_hash) for n, item in enumerate(inputs)]
    prepared.sort(key=lambda one: (one.item.tenant, one.item.dedup, one.position))
    groups = [list(group) for _, group in groupby(prepared, key=lambda one: one.item.tenant)]
    async with connection.pipeline(), connection.transaction():
        fresh = await _write(connection, groups)
        seen = [n for n, group in enumerate(groups) if len(fresh[n]) < len(group)]
        known = await _known(connection, [groups[n] for n in seen]) if seen else []
        crash_point("before_accept_commit")
    crash_point("after_accept_commit")
    before = dict(zip(seen, known, strict=True))
    judged = [a for n, group in enumerate(groups) for a in _judge(group, fresh[n], before.get(n, []))]
    return [accepted for _, accepted in sorted(judged, key=lambda pair: pair[0])]


class _Prepared(NamedTuple):
    position: int
    item: NewInput
    input_id: UUID
    body_hash: bytes


Rows = list[tuple[Any, ...]]


async def _write(connection: AsyncConnection[Any], groups: Sequence[Sequence[_Prepared]]) -> list[set[UUID]]:
    """Per tenant: the input ids that are new."""
    asked: list[AsyncCursor[Any]] = []
    async with connection.pipeline():
        for group in groups:
            await connection.execute(_TENANT, (group[0].item.tenant,))
            asked.append(await connection.execute(_INSERT, _columns(group)))
        await connection.execute(_WAKE)
    return [{row[0] for row in await cursor.fetchall()} for cursor in asked]


async def _known(connection: AsyncConnection[Any], groups: Sequence[Sequence[_Prepared]]) -> list[Rows]:
    """Per tenant: what the keys were bound to, and the correlation of each original, in a newer snapshot than the insert."""
    asked: list[AsyncCursor[Any]] = []
    async with connection.pipeline():
        for group in groups:
            await connection.execute(_TENANT, (group[0].item.tenant,))
            keys = [one.item.dedup for one in group], [one.input_id for one in group]
            asked.append(await connection.execute(_KNOWN, keys))
    return [await cursor.fetchall() for cursor in asked]


def _columns(group: Sequence[_Prepared]) -> dict[str, Any]:
    items = [one.item for one in group]
    return {
        "tenant": items[0].tenant,
        "input_id": [one.input_id for one in group],
        "body_hash": [one.body_hash for one in group],
        "digest": [item.dedup for item in items],
        "channel": [item.channel for item in items],
        "system": [item.system for item in items],
        "topic": [item.topic for item in items],
        "source_id": [item.source_id for item in items],
        "source_version": [item.source_version for item in items],
        "body": [item.body for item in items],
        "correlation_id": [item.correlation_id for item in items],
        "causation_id": [item.causation_id for item in items],
        "principal": [item.principal for item in items],
        "shard": [shard_of(f"{item.system}\x1f{item.source_id}") for item in items],
    }


def _judge(group: Sequence[_Prepared], fresh: set[UUID], known: Rows) -> list[tuple[int, Accepted]]:
    """The first of a new key is new; everything else is a duplicate, or a conflict when its content differs."""
    hashes = {bytes(digest): bytes(body_hash) for digest, body_hash, _, _ in known if digest is not None}
    correlations = {input_id: correlation_id for _, _, input_id, correlation_id in known if input_id is not None}
    new, judged = set(fresh), []
    for position, item, input_id, body_hash in group:
        first = input_id in new
        new.discard(input_id)
        accepted = Accepted(
            input_id=input_id,
            correlation_id=correlations.get(input_id, item.correlation_id),
            duplicate=not first,
            conflict=not first and hashes[item.dedup] != body_hash,
        )
        judged.append((position, accepted))
    return judged


_TENANT: LiteralString = "select set_config('tieline.tenant', %s, true)"
_WAKE: LiteralString = "select pg_notify('tieline_work', 'intake')"
# Keys go in sorted order, so that two edges with the same redeliveries cannot deadlock; the keys decide who is first.
_INSERT: LiteralString = """
with given as materialized (
  select distinct on (digest) * from unnest(
    %(input_id)b::uuid[], %(digest)b::bytea[], %(body_hash)b::bytea[], %(channel)b::text[], %(system)b::text[],
    %(topic)b::text[], %(source_id)b::text[], %(source_version)b::text[], %(body)b::bytea[], %(correlation_id)b::uuid[],
    %(causation_id)b::uuid[], %(principal)b::text[], %(shard)b::smallint[])
    with ordinality as g (input_id, digest, body_hash, channel, system, topic, source_id, source_version, body,
      correlation_id, causation_id, principal, shard, n)
  order by digest, n),
keys as (
  insert into input_keys (tenant_id, digest, body_hash)
  select %(tenant)s, digest, body_hash from given order by digest
  on conflict do nothing returning digest),
stored as (
  insert into inputs (tenant_id, input_id, channel, system, topic, source_id, source_version, dedup, body,
    correlation_id, causation_id, principal, shard)
  select %(tenant)s, input_id, channel, system, topic, source_id, source_version, digest, body, correlation_id,
    causation_id, principal, shard from given join keys using (digest)
  returning input_id, received_at, shard),
waiting as (
  insert into intake (tenant_id, input_id, received_at, shard)
  select %(tenant)s, input_id, received_at, shard from stored)
select input_id from stored"""
_KNOWN: LiteralString = """
select digest, body_hash, null::uuid, null::uuid from input_keys
where tenant_id = current_setting('tieline.tenant') and digest = any(%s)
union all
select null, null, input_id, correlation_id from inputs
where tenant_id = current_setting('tieline.tenant') and input_id = any(%s)"""

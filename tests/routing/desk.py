"""Deliveries moved by hand: a real store, the real postman, a clock of the test's own, and a press that seals events."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from database import Database
from tieline.adapters.cipher import AesCipher
from tieline.adapters.egress import parse_origin
from tieline.adapters.postgres import roles
from tieline.adapters.postgres.pools import pool
from tieline.adapters.postman import Postman
from tieline.engine.deliveries.deliverer import Deliverer
from tieline.engine.deliveries.orders import By, Endpoints
from tieline.kit.ids import uuid7
from tieline.ports.landscape import Advice
from tieline.routing.filters import Filter

TENANT = "northwind"
TYPE = "dev.tieline.hold.lifted.v1"
NIL = UUID(int=0)


def by(tenant: str = TENANT) -> By:
    return By(tenant=tenant, principal="prn_1", correlation_id=uuid7())


def advise(code: str) -> Advice:
    return Advice(owner="integration", way_out="tieline webhooks enable")


@dataclass
class Clock:
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **how: float) -> None:
        self.now += timedelta(**how)


@dataclass
class Desk:
    admin: str
    clock: Clock
    deliverer: Deliverer
    endpoints: Endpoints
    _seqs: dict[tuple[str, str], int] = field(default_factory=dict)

    async def add(
        self, url: str, *, tenant: str = TENANT, types: Sequence[str] = (), entities: Sequence[str] = ()
    ) -> str:
        return (await self.register(url, tenant=tenant, types=types, entities=entities))["endpoint_id"]

    async def register(
        self, url: str, *, tenant: str = TENANT, types: Sequence[str] = (), entities: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Told of our own events only, unless a test asks for others: orders are journaled, too."""
        return await self.endpoints.add(by(tenant), url, Filter(frozenset(types or (TYPE,)), frozenset(entities)))

    def publish(self, lane: str, count: int = 1, *, tenant: str = TENANT, **columns: Any) -> list[UUID]:
        """Events of a lane, journaled and sealed."""
        with psycopg.connect(self.admin) as conn:
            return [self._one(conn, lane, tenant, columns) for _ in range(count)]

    def _one(self, conn: psycopg.Connection, lane: str, tenant: str, columns: dict[str, Any]) -> UUID:
        seq = self._seqs[tenant, lane] = self._seqs.get((tenant, lane), 0) + 1
        event = {
            "tenant_id": tenant, "event_id": uuid7(), "lane": lane, "lane_seq": seq, "type": TYPE, "subject": lane,
            "data": {"code": "X", "subject": lane}, "correlation_id": uuid7(), "actor": "tieline", "legal_entity": "DE01",
            **columns,
        }  # fmt: skip
        event["data"] = Jsonb(event["data"])
        names = ", ".join(event)
        conn.execute(f"insert into events ({names}) values ({', '.join(['%s'] * len(event))})", list(event.values()))
        conn.execute(_SEAL, {"tenant": tenant, "id": event["event_id"], "hash": hashlib.sha256(b"").digest()})
        return event["event_id"]

    async def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        async with await psycopg.AsyncConnection.connect(self.admin, autocommit=True, row_factory=dict_row) as conn:
            return await (await conn.execute(sql, values)).fetchall()

    async def endpoint(self, endpoint_id: str) -> dict[str, Any]:
        return (await self.rows("select * from endpoints where endpoint_id = %s", endpoint_id))[0]

    async def round(self) -> int:
        """One round, until every turn that it began has ended."""
        done = await self.deliverer.round()
        return done + await self.deliverer.drain()

    async def until_quiet(self, rounds: int = 60) -> None:
        for _ in range(rounds):
            if not await self.round():
                return
        raise AssertionError(f"not quiet after {rounds} rounds")


@asynccontextmanager
async def desk(
    database: Database, *, allow_private: bool = True, timeout_s: float = 20.0, **more: Any
) -> AsyncIterator[Desk]:
    clock, cipher = Clock(), AesCipher(b"k" * 32)
    post = Postman(allow_private_addresses=allow_private, timeout_s=timeout_s)
    async with (
        pool(database.conninfo(roles.SCHEDULER), "scheduler", 1, 4) as scheduler,
        pool(database.conninfo(roles.API), "api", 1, 2) as api,
    ):
        deliverer = Deliverer(
            pool=scheduler, post=post, cipher=cipher, clock=clock, advise=advise, chance=lambda: 0.0, **more
        )
        check = lambda url: parse_origin(url, allow_private=allow_private) and None  # noqa: E731
        endpoints = Endpoints(pool=api, cipher=cipher, clock=clock, check_url=check)
        try:
            yield Desk(database.admin, clock, deliverer, endpoints)
        finally:
            await deliverer.aclose()
            await post.aclose()
            await asyncio.sleep(0)


_SEAL = """with head as (
  insert into feed_heads (tenant_id, epoch, position, hash) values (%(tenant)s, 1, 1, %(hash)s)
  on conflict (tenant_id) do update set position = feed_heads.position + 1 returning position),
sealed as (
  insert into seals (tenant_id, position, epoch, event_id, recorded_at, lane, lane_seq, digest, hash)
  select e.tenant_id, head.position, 1, e.event_id, e.recorded_at, e.lane, e.lane_seq, %(hash)s, %(hash)s
  from events e, head where e.tenant_id = %(tenant)s and e.event_id = %(id)s returning tenant_id, lane, lane_seq)
insert into sealed_lanes (tenant_id, lane, lane_seq) select * from sealed
on conflict (tenant_id, lane) do update set lane_seq = excluded.lane_seq"""

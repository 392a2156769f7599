"""A firm in step with one system: replicas confirmed long ago, a census moved by hand, and what the census said."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from tieline import sdk
from tieline.adapters.postgres import roles
from tieline.engine.rows import tenant_transaction
from tieline.engine.shards import shard_of
from tieline.engine.worker import Worker
from tieline.kit.canonical import digest
from tieline.ports.landscape import Advice, Cadence, TenantSetup
from tieline.ports.systems import Envelope, ExternalRef, System
from tieline.reconciliation import repairing, views
from tieline.reconciliation.census import Census
from tieline.reconciliation.runs import Mode, begin

TENANT = "acme"
NETSUITE: dict[str, Any] = {
    "account": "123456_SB1", "client_id": "client-1", "certificate_id": "cert-1", "private_key_ref": "env:NETSUITE_KEY",
    "subsidiaries": {"US01": "2"}, "currencies": {"USD": "1"}, "items": {"DATA": "501"}, "tax_codes": {"STANDARD": "7"},
    "billing_resource": "900", "allow_private_addresses": True,
}  # fmt: skip
AT_ONCE = 10


def client(number: int, name: str = "", **changed: Any) -> sdk.Client:
    address = sdk.Address(street=f"{number} Main St", city="New York", postal_code="10001", country="US")
    fields = {"legal_entity": "US01", "currency": "USD", "tax_code": "STANDARD", "tax_registration": f"US-{number}"}
    id = sdk.stable_id("cli", TENANT, str(number))
    return sdk.Client(**{"id": id, "name": name or f"Client {number}", "address": address, **fields, **changed})


def envelope(kind: str, document: Any, ref: ExternalRef | None = None, **more: Any) -> Envelope:
    return Envelope(
        kind=kind, document_key=document.id, doc=sdk.plain(document), revision=1, key="00" * 16, marker=document.id, ref=ref,
        legal_entity=document.legal_entity, **more,
    )  # fmt: skip


class OpenCipher:
    """These tests are not about sealing."""

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        return plaintext

    def open(self, ciphertext: bytes, context: bytes) -> bytes:
        return ciphertext


async def _forever(worker: Worker) -> None:
    while True:
        await worker.pump.finish()


@dataclass
class Firm:
    pool: AsyncConnectionPool[Any]
    admin: str
    system: System
    setup: TenantSetup
    census: Census
    refs: dict[str, ExternalRef] = field(default_factory=dict)
    worker_conninfo: str = ""

    async def push(self) -> None:
        """What is due goes out, and is read back, until nothing is due."""
        conninfo = self.worker_conninfo
        async with AsyncConnectionPool(
            conninfo, min_size=1, max_size=4, open=False, kwargs={"autocommit": True}
        ) as pool:
            worker = Worker(pool, conninfo, {TENANT: self.setup}, OpenCipher(), now, "w1", 30.0)
            async with pool.connection() as connection:
                await worker.leases.beat(connection, "here", frozenset())
            finishing = asyncio.create_task(_forever(worker))
            for _ in range(2000):
                await worker.pump.claim()
                if not worker.pump.under_way and not await self.rows("select 1 from due"):
                    break
                await asyncio.sleep(0.01)
            finishing.cancel()
            await asyncio.gather(finishing, return_exceptions=True)
            await worker.loans.give_back()
            async with pool.connection() as connection:
                await worker.leases.leave(connection)
        assert await self.rows("select replica_id, step from due") == []

    async def put(self, kind: str, documents: Iterable[Any]) -> None:
        """Into the system itself, a few calls at a time."""
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(document: Any) -> None:
            async with slots:
                self.refs[document.id] = await self.system.put(envelope(kind, document, self.refs.get(document.id)))

        await asyncio.gather(*(one(document) for document in documents))

    async def plan(self, kind: str, documents: Sequence[Any], **changed: Any) -> None:
        """Planned, sent and confirmed an hour ago, as far as the hub knows."""
        rows = [self._replica(kind, document) | changed for document in documents]
        async with await psycopg.AsyncConnection.connect(self.admin, autocommit=True) as connection:
            await connection.execute(_PLAN, (TENANT, json.dumps(rows)))

    def _replica(self, kind: str, document: Any) -> dict[str, Any]:
        doc, lane, ref = sdk.plain(document), f"{kind}:{document.id}", self.refs.get(document.id)
        return {
            "replica_id": f"erp/{kind}/{document.id}", "lane": lane, "shard": shard_of(lane), "kind": kind, "key": document.id,
            "legal_entity": document.legal_entity, "nature": "state", "doc": doc, "digest": digest(doc).hex(), "revision": 1,
            "status": "in_step", "external": sdk.plain(ref) if ref else None, "ended": None,
        }  # fmt: skip

    async def run(self, kind: str, mode: Mode = "full", **more: Any) -> UUID:
        """One census from beginning to end."""
        run_id = await self.begin(kind, mode, **more)
        await self.finish()
        return run_id

    async def begin(self, kind: str, mode: Mode = "full", **more: Any) -> UUID:
        async with self.pool.connection() as connection, tenant_transaction(connection, TENANT) as cursor:
            return await begin(cursor, TENANT, self.setup_name(kind), kind, mode, "tester", **more)

    def setup_name(self, kind: str) -> str:
        return next((name for name, source in self.setup.sources.items() if kind in source.topics), "erp")

    async def finish(self) -> None:
        for _ in range(2000):
            if not await self.step():
                waiting = await self.rows(
                    "select problem from census_runs where state not in ('done', 'stopped', 'superseded')"
                )
                if not waiting:
                    return
                await self.rows("update census_runs set not_before = now() returning 1")
                await self.rows("update census_drift set due_at = now() where state = 'suspect' returning 1")
        raise AssertionError(await self.rows("select state, problem, token from census_runs"))

    async def step(self) -> int:
        return sum([await self.census.advance(self.setup, run) for run in await self.census._open(TENANT)])

    async def drift(self, run_id: UUID) -> dict[str, str]:
        """key -> class of everything that the run called drift."""
        rows = await self.rows(
            "select replica_id, class from census_drift where run_id = %s and state in ('found', 'told', 'accepted', 'repaired')",
            run_id,
        )
        return {row["replica_id"].rpartition("/")[2]: row["class"] for row in rows}

    async def repair(self, run_id: UUID, *, apply: bool = True) -> list[repairing.RepairItem]:
        async with self.pool.connection() as connection, tenant_transaction(connection, TENANT) as cursor:
            found = await views.run(cursor, run_id)
            assert found is not None
            if apply:
                return await repairing.repair(cursor, self.setup, found, "ada", None)
            return await repairing.repair_plan(cursor, self.setup, found)

    async def holds(self) -> dict[str, str]:
        rows = await self.rows("select code, subject from holds where lifted_at is null")
        return {row["subject"].rpartition("/")[2]: row["code"] for row in rows}

    async def rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        async with await psycopg.AsyncConnection.connect(
            self.admin, autocommit=True, row_factory=dict_row
        ) as connection:
            return await (await connection.execute(sql.encode(), parameters)).fetchall()

    def configure(self, **changes: Any) -> None:
        self.setup = replace(self.setup, **changes)
        self.census.landscape = {TENANT: self.setup}


def setup_of(system: System, cadences: Mapping[tuple[str, str], Cadence] | None = None) -> TenantSetup:
    return TenantSetup(
        tenant=TENANT, firm=None, config_version="c1", systems={"erp": system}, sources={}, flows=(),
        route=lambda role, legal_entity: "erp", refuse=lambda system, change: None, describe=lambda change: None,
        check_fact=lambda kind, data: None, advise=lambda code: Advice(owner="integration", way_out="look"),
        today=lambda legal_entity, now: now.date(), poll_every_s={}, census=cadences or {},
    )  # fmt: skip


@contextlib.asynccontextmanager
async def firm(database: Any, system: System) -> AsyncIterator[Firm]:
    conninfo = database.conninfo(roles.SCHEDULER)
    async with AsyncConnectionPool(conninfo, min_size=1, max_size=4, open=False, kwargs={"autocommit": True}) as pool:
        setup = setup_of(system)
        made = Firm(
            pool=pool,
            admin=database.admin,
            system=system,
            setup=setup,
            census=Census(pool, {TENANT: setup}, now),
            worker_conninfo=database.conninfo(roles.WORKER),
        )
        await made.rows("insert into tenants (tenant_id, name) values (%s, 'Acme') returning 1", TENANT)
        yield made


def now() -> datetime:
    return datetime.now(UTC)


_PLAN = """with rows as (
  select %s::text as tenant_id, r.* from jsonb_to_recordset(%s::jsonb) as r(replica_id text, lane text, shard smallint,
    kind text, key text, legal_entity text, nature text, doc jsonb, digest text, revision int, status text, external jsonb,
    ended text)),
lanes as (
  insert into lanes (tenant_id, lane, shard) select distinct tenant_id, lane, shard from rows on conflict do nothing)
insert into replicas (tenant_id, replica_id, lane, shard, system, kind, key, role, legal_entity, nature, doc, digest,
  revision, settled_revision, confirmed_revision, status, observed, observed_at, updated_at, external, config_version,
  planned_by, next_actor, ended)
select tenant_id, replica_id, lane, shard, 'erp', kind, key, 'erp', legal_entity, nature, doc, decode(digest, 'hex'),
  revision, revision, revision, status, doc, now() - interval '1 hour', now() - interval '1 hour', nullif(external, 'null'),
  'c1', lane, 'erp', ended from rows
on conflict (tenant_id, replica_id) do update set doc = excluded.doc, digest = excluded.digest, revision = excluded.revision,
  settled_revision = excluded.revision, confirmed_revision = excluded.revision, status = excluded.status,
  external = excluded.external, observed_at = clock_timestamp(), updated_at = clock_timestamp(), ended = excluded.ended"""

"""What the API's tests live in: two firms on a real database, a source that signs with HMAC, and keys."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx2
import psycopg
from psycopg.types.json import Jsonb
from starlette.types import ASGIApp

from tieline.adapters.audit import Ed25519Keys, Ed25519Signer, FileSink
from tieline.adapters.postgres import principals
from tieline.adapters.postgres.pools import pool as make_pool
from tieline.adapters.postgres.pools import tenant_tx
from tieline.api.services import Pool, Services
from tieline.api.source import ApiSource
from tieline.engine.feed.anchor import Anchor
from tieline.engine.feed.sealer import Sealer
from tieline.engine.shards import shard_of
from tieline.kit.canonical import digest
from tieline.kit.errors import NotAllowed, Rejected
from tieline.kit.ids import uuid7
from tieline.ports.landscape import Advice, TenantSetup
from tieline.ports.systems import Change, Notification, Page, SourceItem

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SECRET = b"whsec-for-tests-only"
SCOPES = (
    "contract:read", "plan:apply", "invoice:release", "invoice:request", "time:write", "hold:retry", "system:read",
    "event:read",
)  # fmt: skip
WINDOW_S = 300
SIGNER = Ed25519Signer(b"t" * 32)
KEYS = Ed25519Keys([SIGNER.public])


def signed(body: bytes, *, at: datetime = NOW, secret: bytes = SECRET) -> dict[str, str]:
    stamp = str(int(at.timestamp()))
    tag = hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"x-signature": tag, "x-stamp": stamp, "content-type": "application/json"}


def message(number: int | str = 1, **more: Any) -> bytes:
    return json.dumps({"id": f"evt-{number}", "topic": "agreement", "record": f"rec-{number}", **more}).encode()


class HmacSource:
    """The smallest sender that a hook can have."""

    name = "clm"
    topics = ("agreement",)

    def __init__(self, secret: bytes = SECRET) -> None:
        self._secret = secret

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Sequence[Notification]:
        stamp = headers.get("x-stamp", "0")
        tag = hmac.new(self._secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(tag, headers.get("x-signature", "")):
            raise NotAllowed("The signature does not fit the message.")
        if abs(now.timestamp() - int(stamp)) > WINDOW_S:
            raise NotAllowed("The message is older than five minutes.")
        try:
            found = json.loads(body)
            one = Notification(topic=found["topic"], source_id=found["record"], dedup=found["id"], body=found)
        except (ValueError, KeyError, TypeError):
            raise Rejected("The message is not complete.") from None
        return [one]

    async def fetch(self, topic: str, source_ids: Sequence[str]) -> Sequence[SourceItem | None]:
        return [None for _ in source_ids]

    async def pages(self, topic: str, cursor: str | None) -> AsyncIterator[Page]:
        yield Page(items=(), cursor="")

    def changes(self, item: SourceItem) -> Sequence[Change]:
        return ()


@dataclass(frozen=True, kw_only=True)
class House:
    app: ASGIApp
    services: Services
    keys: Mapping[str, str]
    admin: str
    clock: list[datetime]

    def client(self, tenant: str | None = "northwind", **headers: str) -> httpx2.AsyncClient:
        known = {"authorization": f"Bearer {self.keys[tenant]}"} if tenant else {}
        transport = httpx2.ASGITransport(app=self.app, raise_app_exceptions=False)
        return httpx2.AsyncClient(transport=transport, base_url="http://hub", headers={**known, **headers})

    async def hook(
        self, body: bytes, *, headers: dict[str, str] | None = None, at: str = "northwind/clm"
    ) -> httpx2.Response:
        async with self.client(None) as http:
            return await http.post(
                f"/hooks/{at}", content=body, headers=headers if headers is not None else signed(body)
            )

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the database holds, seen with an administrator's eyes."""
        with psycopg.connect(self.admin, autocommit=True) as conn:
            return conn.execute(sql.encode(), values).fetchall()

    async def seal(self) -> None:
        """Give every event that a test put there its position, as a scheduler would."""
        self.rows(
            "insert into unsealed select tenant_id, lane, lane_seq, event_id, recorded_at from events e where not exists"
            " (select from seals s where s.event_id = e.event_id) returning 1"
        )
        with TemporaryDirectory() as folder:
            async with make_pool(self.admin, "scheduler", 1, 1) as scheduler:
                record = FileSink(Path(folder) / "roots.jsonl")
                await Sealer(scheduler, Anchor(record, SIGNER, KEYS, lambda: datetime.now(UTC))).round()

    def seed(self, table: str, **columns: Any) -> None:
        names = ", ".join(columns)
        marks = ", ".join(["%s"] * len(columns))
        values = [Jsonb(v) if isinstance(v, dict | list) and table_is_json(v) else v for v in columns.values()]
        with psycopg.connect(self.admin, autocommit=True) as conn:
            conn.execute(f"insert into {table} ({names}) values ({marks})".encode(), values)


def table_is_json(value: Any) -> bool:
    return isinstance(value, dict) or (bool(value) and isinstance(value[0], dict))


def setup(tenant: str) -> TenantSetup:
    firm = SimpleNamespace(waits={}, roles={"clm": {"*": "clm"}, "erp": {"DE01": "erp"}})
    return TenantSetup(
        tenant=tenant,
        firm=firm,
        config_version="1",
        systems={},
        sources={"clm": HmacSource(), "api": ApiSource()},
        flows=(),
        route=lambda role, legal_entity: None,
        refuse=lambda system, change: None,
        today=lambda legal_entity, now: now.date(),
        advise=lambda code: Advice(owner="integration", way_out=""),
        poll_every_s={},
        describe=lambda change: None,
        check_fact=lambda kind, data: None,
    )


async def key_of(pool: Pool, tenant: str, scopes: Sequence[str] = SCOPES) -> str:
    async with pool.connection() as conn, tenant_tx(conn, tenant):
        await principals.create_tenant(conn, tenant, tenant)
        return (await principals.create_principal(conn, tenant, "test", scopes)).key


def contract(house: House, contract_id: str, tenant: str = "northwind", **doc: Any) -> None:
    """A signed contract with its lane and client, as intake would have stored them."""
    lane = f"contract:{contract_id}"
    document = {
        "id": contract_id, "number": f"C-{contract_id}", "title": "Data platform", "client_id": f"cl-{contract_id}",
        "legal_entity": "DE01", "currency": "EUR", "total": {"amount": "46000.00", "currency": "EUR"},
        "signed_at": "2026-03-01T09:00:00Z", **doc,
    }  # fmt: skip
    house.seed("lanes", tenant_id=tenant, lane=lane, shard=shard_of(lane), legal_entity="DE01")
    record(house, tenant, "contract", contract_id, lane, document)
    client = {"id": document["client_id"], "name": "Aurora GmbH"}
    record(house, tenant, "client_record", document["client_id"], f"client:{document['client_id']}", client)


def record(house: House, tenant: str, kind: str, record_id: str, lane: str, doc: dict[str, Any]) -> None:
    house.seed(
        "records", tenant_id=tenant, kind=kind, record_id=record_id, lane=lane, legal_entity="DE01", version=1,
        source_system="clm", source_version="1", digest=digest(doc), doc=doc, lane_version=1,
    )  # fmt: skip


def replica(house: House, contract_id: str, kind: str, key: str, tenant: str = "northwind", **columns: Any) -> None:
    lane = f"contract:{contract_id}"
    given = {
        "system": "erp", "role": "erp", "legal_entity": "DE01", "nature": "state", "doc": {"id": key}, "status": "in_step",
        "external": {"id": f"X-{key}"}, "next_actor": "nobody", "config_version": "1", **columns,
    }  # fmt: skip
    house.seed(
        "replicas", tenant_id=tenant, replica_id=f"{given['system']}/{kind}/{key}", lane=lane, shard=shard_of(lane),
        kind=kind, key=key, digest=digest(given["doc"]), confirmed_revision=given.pop("confirmed_revision", 1), **given,
    )  # fmt: skip


def hold(
    house: House, contract_id: str, code: str = "TAX_CODE_UNKNOWN", tenant: str = "northwind", **columns: Any
) -> UUID:
    hold_id = uuid7()
    given = {
        "subject": f"contract:{contract_id}", "source": "flow", "owner": "finance",
        "sentence": "The tax code REDUCED is not known for DE01.", "way_out": "Add it to the taxes of DE01.",
        "amount": 46000, "currency": "EUR", "case_key": code, **columns,
    }  # fmt: skip
    house.seed("holds", tenant_id=tenant, hold_id=hold_id, lane=f"contract:{contract_id}", code=code, **given)
    return hold_id

"""The population that a census is measured on: clients in NetSuite's look-alike and in our store, and drift of every class."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from tieline import sdk
from tieline.adapters.http import GuardedHttp
from tieline.connectors.netsuite import NetSuite, NetSuiteSettings
from tieline.connectors.netsuite.mapping import from_client
from tieline.connectors.netsuite.settings import tables
from tieline.connectors.netsuite.wire import SUITEQL
from tieline.engine.shards import shard_of
from tieline.entrypoints.bench.progress import Progress
from tieline.entrypoints.bench.recording import Watch
from tieline.entrypoints.demo import firm
from tieline.kit.canonical import digest
from tieline.ports.limits import Meter
from tieline.sdk.limits import Metered
from tieline.sdk.system import ConnectedSystem
from tieline.twins.process import Served

EACH = 20  # of each class of drift
PLACES = 15  # a common tier; one is left to others
CHUNK = 5_000
SEED = 20
TENANT = "bench"
Say = Callable[[str], None]


@dataclass
class Account:
    """The look-alike's account, our store, and what was planted where."""

    twin: Served
    system: ConnectedSystem
    settings: NetSuiteSettings
    watch: Watch
    admin: psycopg.AsyncConnection[Any]
    ids: dict[str, str] = field(default_factory=dict)  # our id -> the vendor's


@contextlib.asynccontextmanager
async def account_at(twin: Served, admin: str) -> AsyncIterator[Account]:
    own, watch = firm.certificate("tieline"), Watch((SUITEQL,))
    twin.control("seed", {"integration": [own.seed()]})
    given: dict[str, Any] = {
        "base_url": twin.url, "allow_private_addresses": True, "account": firm.ACCOUNT, "client_id": own.client_id,
        "certificate_id": own.certificate_id, "private_key_ref": "env:UNUSED", "subsidiaries": {"US01": "2"}, "currencies": {"USD": "1"},
        "items": {"DATA": "501"}, "tax_codes": {"STANDARD": "7"}, "billing_resource": "900", "concurrency": PLACES - 1,
    }  # fmt: skip
    settings = NetSuiteSettings(**given)
    async with (
        contextlib.aclosing(
            GuardedHttp(twin.url, name="NetSuite", allow_private_addresses=True, connections=64)
        ) as http,
        await psycopg.AsyncConnection.connect(admin, autocommit=True, row_factory=dict_row) as connection,
    ):
        meter, secret = Meter(), {"private_key": sdk.Secret(own.private_pem)}
        connector = NetSuite(settings, Metered(watch.around(http), meter), secret, {})
        system = ConnectedSystem("erp", connector, meter=meter)
        yield Account(twin=twin, system=system, settings=settings, watch=watch, admin=connection)


def client(number: int) -> sdk.Client:
    address = sdk.Address(street=f"{number} Main Street", city="New York", postal_code="10001", country="US")
    return sdk.Client(
        id=sdk.stable_id("cli", TENANT, str(number)), name=f"Client {number}", legal_entity="US01", currency="USD",
        tax_code="STANDARD", tax_registration=f"US-{number}", address=address,
    )  # fmt: skip


async def fill(account: Account, size: int, say: Say) -> None:
    """The same population in the account and in our store, confirmed an hour ago."""
    await account.admin.execute("insert into tenants (tenant_id, name) values (%s, %s)", (TENANT, TENANT))
    progress = Progress(what="filling account and store", total=size, say=say)
    for start in range(0, size, CHUNK):
        clients = [client(n) for n in range(start, min(start + CHUNK, size))]
        _there(account, clients)
        await _plan(account, clients, revision=1)
        progress.at(start + len(clients))
    await account.admin.execute("analyze replicas")


def _there(account: Account, clients: Sequence[sdk.Client]) -> None:
    names = tables(account.settings, {})
    records = [{**from_client(sdk.plain(each), names), "externalId": each.id} for each in clients]
    ids = account.twin.control("fill", {"customer": records})["customer"]
    account.ids |= {each.id: id for each, id in zip(clients, ids, strict=True)}


async def _plan(account: Account, clients: Sequence[sdk.Client], revision: int) -> None:
    rows = [_replica(account, each, revision) for each in clients]
    await account.admin.execute(_PLAN, {"tenant": TENANT, "rows": json.dumps(rows)})


def _replica(account: Account, each: sdk.Client, revision: int) -> dict[str, Any]:
    doc, lane = sdk.plain(each), f"client:{each.id}"
    return {
        "replica_id": f"erp/client/{each.id}", "lane": lane, "shard": shard_of(lane), "key": each.id, "doc": doc,
        "digest": digest(doc).hex(), "revision": revision, "external": {"id": account.ids[each.id], "version": None, "extra": {}},
    }  # fmt: skip


async def plant(account: Account, size: int) -> dict[str, str]:
    """Drift of every class at random places; returns our id -> class."""
    chosen = random.Random(SEED).sample(range(size), 4 * EACH)
    edited, gone, twice, stale = ([client(n) for n in chosen[at : at + EACH]] for at in range(0, 4 * EACH, EACH))
    strangers = [client(size + n) for n in range(EACH)]
    wire: Any = account.system.source._wire  # type: ignore[attr-defined]
    for each in edited:
        await wire.change("customer", f"eid:{each.id}", {"companyName": f"{each.name} Inc"})
    for each in gone:
        await wire.delete("customer", f"eid:{each.id}")
    for each in twice:
        account.twin.control("copy", {"kind": "customer", "address": f"eid:{each.id}"})
    _there(account, strangers)
    await _sent_since(account, stale)
    classes = {"differs": edited, "missing": gone, "duplicate": twice, "stale": stale, "orphan": strangers}
    return {each.id: kind for kind, some in classes.items() for each in some}


async def _sent_since(account: Account, clients: Sequence[sdk.Client]) -> None:
    """A newer name was sent since, and the older call was executed last."""
    for each in clients:
        values = (TENANT, digest(each.id), f"erp/client/{each.id}", digest(sdk.plain(each)))
        await account.admin.execute(_EFFECT, values)
    await _plan(account, [replace(each, name=f"{each.name} renamed") for each in clients], revision=2)


_PLAN: LiteralString = """with rows as (
  select %(tenant)s::text as tenant_id, r.* from jsonb_to_recordset(%(rows)s::jsonb) as r(replica_id text, lane text,
    shard smallint, key text, doc jsonb, digest text, revision int, external jsonb)),
lanes as (insert into lanes (tenant_id, lane, shard) select tenant_id, lane, shard from rows on conflict do nothing)
insert into replicas (tenant_id, replica_id, lane, shard, system, kind, key, role, legal_entity, nature, doc, digest,
  revision, settled_revision, confirmed_revision, status, observed, observed_at, updated_at, external, config_version,
  planned_by, next_actor)
select tenant_id, replica_id, lane, shard, 'erp', 'client', key, 'erp', 'US01', 'state', doc, decode(digest, 'hex'),
  revision, revision, revision, 'in_step', doc, now() - interval '1 hour', now() - interval '1 hour', external, '1', lane,
  'erp' from rows
on conflict (tenant_id, replica_id) do update set doc = excluded.doc, digest = excluded.digest, revision = excluded.revision,
  settled_revision = excluded.revision, confirmed_revision = excluded.revision"""
_EFFECT: LiteralString = """insert into effects (tenant_id, intended_at, effect_key, replica_id, lane, system, kind, verb,
  op_class, revision, payload_hash, state, worker, epoch, mapping_version, config_version, actor)
values (%s, now(), %s, %s, 'l', 'erp', 'client', 'put', 'K-put', 1, %s, 'ok', 'w', 1, '1', '1', 'hub')"""

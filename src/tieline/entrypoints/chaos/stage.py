"""Everything that a run plays on: two look-alikes, a store whose server can be killed, and the firm's configuration."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tieline import bootstrap
from tieline.adapters.config import Settings
from tieline.adapters.postgres import launcher, migrate, roles
from tieline.adapters.postgres.pools import tenant_tx
from tieline.adapters.postgres.principals import create_principal, create_tenant
from tieline.entrypoints.chaos import migrating
from tieline.entrypoints.chaos.network import Fronts
from tieline.entrypoints.chaos.pairs import PairedStore
from tieline.entrypoints.demo import firm
from tieline.entrypoints.demo.inbox import SOURCE
from tieline.entrypoints.demo.netsuite import NetSuiteWitness
from tieline.entrypoints.demo.stage import register_receiver, verification_key
from tieline.entrypoints.rehearsal.process import lasting_port
from tieline.twins.process import Served, served

TENANT = "northwind"
CALL_LIFE_S = 1.5
CRASH_LOG = "crash-points.log"  # in the stage's folder: the names of the points at which somebody died
HOOK_WAITS_MS = ",".join(["150"] * 1500)  # the CLM asks again until somebody is there


@dataclass(slots=True)
class Store:
    """The embedded server of one home. Killing it leaves its backends to notice by themselves, as a machine would."""

    home: Path
    cluster: launcher.Embedded

    @property
    def admin(self) -> str:
        return self.cluster.conninfo(roles.ADMIN)

    def crash(self) -> None:
        os.kill(self.cluster.pid, signal.SIGKILL)

    def restart(self) -> None:
        """Recovery, as after any crash. Blocks until connections are taken."""
        self.cluster.stop()  # reaps it and gives the lock back
        self.cluster = launcher.start(self.home)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    folder: Path
    config: Path
    settings: Settings
    store: Store | PairedStore
    clm: Served
    erp: Served
    witness: NetSuiteWitness
    inbox_secret: str
    ports: tuple[int, int]
    fronts: Fronts | None = None  # where the hub meets the network, when that can break
    mailbox: Served | None = None  # who is told of business events, when somebody is

    @property
    def edges(self) -> tuple[str, ...]:
        return tuple(f"http://127.0.0.1:{port}" for port in self.ports)


@contextlib.contextmanager
def staged(folder: Path | None = None, *, paired: bool = False) -> Iterator[Stage]:
    """Look-alikes run, the store is migrated, nobody works yet. `paired`: two servers, everything behind a network."""
    with contextlib.ExitStack() as stack:
        place = folder or _temporary(stack)
        with _words_into(place / "twins.log"):
            clm, erp = _look_alikes(stack, place)
            mailbox = stack.enter_context(served("mailbox", place / "mailbox")) if paired else None
        own, watching = firm.certificate("tieline"), firm.certificate("witness")
        erp.control("seed", {"integration": [own.seed(), watching.seed()]})
        secret, ports = firm.signing_secret(), (lasting_port(), lasting_port())
        fronts = Fronts.beside(place) if paired else None
        config = _configure(place, clm, erp, own, secret, fronts)
        settings = bootstrap.read_settings(config)
        settings.home.mkdir(mode=0o711, parents=True, exist_ok=True)
        store = _store(stack, place, settings, paired=paired)
        register_receiver(clm, f"http://127.0.0.1:{ports[0]}/hooks/{TENANT}/ironclad")
        yield Stage(
            folder=place, config=config, settings=settings, store=store, clm=clm, erp=erp,
            witness=NetSuiteWitness(erp.url, watching), inbox_secret=secret, ports=ports, fronts=fronts,
            mailbox=mailbox,
        )  # fmt: skip


def _store(stack: contextlib.ExitStack, place: Path, settings: Settings, *, paired: bool) -> Store | PairedStore:
    if not paired:
        store = Store(settings.home, launcher.start(settings.home))
        stack.callback(lambda: store.cluster.stop())
        migrate.migrate(store.admin)
        return store
    pair = PairedStore.started(place)
    stack.callback(pair.stop)
    migrating.under_kills(pair.primary.conninfo(roles.ADMIN), place / CRASH_LOG)
    pair.pair()
    return pair


async def api_key(stage: Stage) -> str:
    """A key of the runner's own: the one of this machine is renewed whenever an edge starts."""
    conninfo = stage.store.cluster.conninfo(roles.API)
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as conn, tenant_tx(conn, TENANT):
        await create_tenant(conn, TENANT, TENANT)
        return (await create_principal(conn, TENANT, "kill test", bootstrap.LOCAL_SCOPES)).key


def _look_alikes(stack: contextlib.ExitStack, folder: Path) -> tuple[Served, Served]:
    clm = stack.enter_context(served("ironclad", folder / "ironclad", hook_backoff_ms=HOOK_WAITS_MS))
    erp = stack.enter_context(served("netsuite", folder / "netsuite", account=firm.ACCOUNT, pool=96, latency_ms=15))
    return clm, erp


@contextlib.contextmanager
def _words_into(log: Path) -> Iterator[None]:
    """What children say that start now: callers that die in the middle of a request make look-alikes talk a lot."""
    before = os.dup(2)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


def _temporary(stack: contextlib.ExitStack) -> Path:
    name = stack.enter_context(tempfile.TemporaryDirectory(prefix="tieline-chaos-", ignore_cleanup_errors=True))
    Path(name).chmod(0o711)  # as root the server runs as a lesser user, which must be able to pass through
    return Path(name)


def _configure(
    folder: Path, clm: Served, erp: Served, own: firm.Certificate, secret: str, fronts: Fronts | None
) -> Path:
    clm_url = f"http://127.0.0.1:{fronts.clm}" if fronts else clm.url
    erp_url = f"http://127.0.0.1:{fronts.erp}" if fronts else erp.url
    systems: dict[str, Any] = {
        "ironclad": {
            "connector": "ironclad", "base_url": clm_url, "allow_private_addresses": True, "client_id": firm.CLM_CLIENT,
            "client_secret_ref": firm.keep_secret(folder, "ironclad", firm.CLM_SECRET), "poll_every_s": 1.0,
            "as_user_email": "integrations@northwind.example",
            "webhook_public_key_ref": firm.keep_secret(folder, "ironclad.pem", verification_key(clm)),
            "overlay": {
                "legal_entity": {"US01": "US01"}, "tax_code": {"STANDARD": "STANDARD"},
                "service_line": {"DATA": "DATA", "CLOUD": "CLOUD"},
            },
        },
        "netsuite": {
            "connector": "netsuite", "base_url": erp_url, "allow_private_addresses": True, "account": firm.ACCOUNT,
            "client_id": own.client_id, "certificate_id": own.certificate_id, "concurrency": 8,
            "private_key_ref": firm.keep_secret(folder, "netsuite.pem", own.private_pem), "subsidiaries": {"US01": "2"},
            "currencies": {"USD": "1"}, "items": {"DATA": "501", "CLOUD": "502"}, "tax_codes": {"STANDARD": "7"},
            "employees": {"res_dana": "55", "res_eli": "56"}, "billing_resource": "900", "call_life_s": CALL_LIFE_S,
        },
        "inbox": {
            "connector": "events", "signing_secret_ref": firm.keep_secret(folder, "inbox", secret), "sources": [SOURCE],
        },
    }  # fmt: skip
    entity = {"country": "US", "currency": "USD", "zone": "America/New_York", "taxes": {"STANDARD": "0.20"}}
    tenant = {
        "legal_entities": {"US01": entity}, "roles": {"clm": "ironclad", "erp": "netsuite", "inbox": "inbox"},
        "service_lines": ["DATA", "CLOUD"], "amendments": {"apply": "automatic"}, "systems": systems,
    }  # fmt: skip
    path = folder / "tieline.yaml"
    document: dict[str, Any] = {"home": str(folder / "home"), "worker": {"lease_s": 1}, "tenants": {TENANT: tenant}}
    document["webhooks"] = {"allow_private_addresses": True}
    if fronts:
        document["database"] = {"url_ref": firm.keep_secret(folder, "database", fronts.database_url)}
    path.write_text(json.dumps(document))
    return path

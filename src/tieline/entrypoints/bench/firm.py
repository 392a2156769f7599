"""The firm that is measured: one legal entity, a CLM and an ERP look-alike behind real HTTP, everything on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.routing import Mount, Router

from tieline import bootstrap
from tieline.entrypoints.demo import firm
from tieline.entrypoints.demo.records import Calendar, Record, contract
from tieline.entrypoints.demo.stage import verification_key
from tieline.twins.process import Served, served

TENANT = "northwind"
POOL = 96  # calls that the look-alike takes at once: the measurement is of us, not of its limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    folder: Path
    config: Path
    clm: Served
    erp: Served
    inbox_secret: str


@contextlib.contextmanager
def measured_firm(latency_ms: float, pool: int = POOL, at_once: int = 48) -> Iterator[Measured]:
    """Two look-alikes that answer after `latency_ms`, and a configuration that names them; the ERP bears `pool` calls."""
    with (
        tempfile.TemporaryDirectory(prefix="tieline-bench-", ignore_cleanup_errors=True) as name,
        contextlib.ExitStack() as stack,
    ):
        folder = Path(name)
        os.chmod(folder, 0o711)  # noqa: S103  as root the server runs as a lesser user, which must be able to pass through
        clm = stack.enter_context(served("ironclad", folder / "ironclad", latency_ms=latency_ms))
        erp = stack.enter_context(
            served("netsuite", folder / "netsuite", latency_ms=latency_ms, account=firm.ACCOUNT, pool=pool)
        )
        secret = firm.signing_secret()
        yield Measured(
            folder=folder, config=_configure(folder, clm, erp, secret, at_once), clm=clm, erp=erp, inbox_secret=secret
        )


@contextlib.asynccontextmanager
async def running(hub: bootstrap.Hub) -> AsyncIterator[str]:
    """The hub at work and listening; yields its address."""
    async with bootstrap.served_site(hub.settings, Router([Mount("/", hub.app)])) as site:
        work = asyncio.create_task(hub.worker.run())
        try:
            yield site.url
        finally:
            hub.worker.stop()
            await work


def agreements(count: int, run: str) -> list[Record]:
    """Unsigned contracts of `count` different clients, two lines each."""
    days = Calendar(today=datetime.now(UTC).date())
    address = {
        "lines": ["25 River Street"],
        "locality": "Hoboken",
        "region": "NJ",
        "postcode": "07030",
        "country": "US",
    }
    return [
        contract(
            title=f"Measured contract {n}", number=f"B-{run}-{n}", legal_entity="US01", currency="USD",
            client=f"Client {run} {n} Inc.", address=address, days=days,
            lines=[("Data engineering", "DATA", 200, 150), ("Cloud operations", "CLOUD", 100, 160)],
        )
        for n in range(count)
    ]  # fmt: skip


def _configure(folder: Path, clm: Served, erp: Served, inbox_secret: str, at_once: int) -> Path:
    own = firm.certificate("tieline")
    erp.control("seed", {"integration": [own.seed()]})
    systems: dict[str, Any] = {
        "ironclad": {
            "connector": "ironclad", "base_url": clm.url, "allow_private_addresses": True, "client_id": firm.CLM_CLIENT,
            "client_secret_ref": firm.keep_secret(folder, "ironclad", firm.CLM_SECRET),
            "as_user_email": "integrations@northwind.example",
            "webhook_public_key_ref": firm.keep_secret(folder, "ironclad.pem", verification_key(clm)),
            "overlay": {
                "legal_entity": {"US01": "US01"}, "tax_code": {"STANDARD": "STANDARD"},
                "service_line": {"DATA": "DATA", "CLOUD": "CLOUD"},
            },
        },
        "netsuite": {
            "connector": "netsuite", "base_url": erp.url, "allow_private_addresses": True, "account": firm.ACCOUNT,
            "client_id": own.client_id, "certificate_id": own.certificate_id, "concurrency": at_once,
            "private_key_ref": firm.keep_secret(folder, "netsuite.pem", own.private_pem), "subsidiaries": {"US01": "2"},
            "currencies": {"USD": "1"}, "items": {"DATA": "501", "CLOUD": "502"},
            "tax_codes": {"STANDARD": "7", "EXEMPT": "8"}, "employees": {"res_dana": "55"}, "billing_resource": "900",
        },
        "inbox": {
            "connector": "events", "base_url": erp.url, "allow_private_addresses": True,
            "signing_secret_ref": firm.keep_secret(folder, "inbox", inbox_secret),
        },
    }  # fmt: skip
    entity = {"country": "US", "currency": "USD", "zone": "America/New_York", "taxes": {"STANDARD": "0.20"}}
    tenant = {
        "legal_entities": {"US01": entity}, "roles": {"clm": "ironclad", "erp": "netsuite", "inbox": "inbox"},
        "service_lines": ["DATA", "CLOUD"], "systems": systems,
    }  # fmt: skip
    path = folder / "tieline.yaml"
    path.write_text(json.dumps({"home": str(folder / "home"), "listen": {"port": 0}, "tenants": {TENANT: tenant}}))
    return path

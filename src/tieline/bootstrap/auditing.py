"""The audit put together: where roots go, who signs them, and the two orders that a person gives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from psycopg import AsyncConnection

from tieline.adapters.audit import Ed25519Keys, Ed25519Signer, FileSink, signer_of
from tieline.adapters.config import Settings
from tieline.adapters.postgres import roles
from tieline.adapters.vault import EnvFileVault
from tieline.bootstrap.store import join_store
from tieline.engine.feed.epochs import start_epoch
from tieline.engine.feed.outside import latest_heads
from tieline.engine.feed.signed import EpochStart
from tieline.engine.feed.verify import Report, verify
from tieline.kit.errors import NotFound
from tieline.ports.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Auditing:
    sink: FileSink
    signer: Ed25519Signer
    keys: Ed25519Keys


def auditing(settings: Settings, vault: Vault, trusted: tuple[bytes, ...] = ()) -> Auditing:
    """`trusted`: public keys (32 bytes each) instead of that of the signing key."""
    signer = signer_of(settings.home, vault, settings.audit.key_ref)
    record = settings.audit.record or settings.home / "audit" / "roots.jsonl"
    return Auditing(sink=FileSink(record.expanduser()), signer=signer, keys=Ed25519Keys(trusted or (signer.public,)))


def run_verify(settings: Settings, trusted: tuple[bytes, ...] = ()) -> Report:
    """On a store that is running; reads only."""
    return asyncio.run(_verify(settings, trusted))


def run_new_epoch(settings: Settings, tenant: str, by: str, reason: str) -> EpochStart:
    """Raises NotFound for a firm that is not configured."""
    if tenant not in settings.tenants:
        raise NotFound(f"There is no firm {tenant} in the configuration.")
    return asyncio.run(_new_epoch(settings, tenant, by, reason))


async def _verify(settings: Settings, trusted: tuple[bytes, ...]) -> Report:
    vault = EnvFileVault()
    with_ = auditing(settings, vault, trusted)
    async with _connected(settings, vault) as connection:
        return await verify(connection, list(settings.tenants), with_.sink, with_.keys, datetime.now(UTC))


async def _new_epoch(settings: Settings, tenant: str, by: str, reason: str) -> EpochStart:
    vault = EnvFileVault()
    with_ = auditing(settings, vault)
    seen = latest_heads(with_.sink, with_.keys).get(tenant)
    async with _connected(settings, vault) as connection:
        return await start_epoch(
            connection, tenant, sink=with_.sink, signer=with_.signer, clock=lambda: datetime.now(UTC), by=by,
            reason=reason, at_least=seen.epoch + 1 if seen else 0,
        )  # fmt: skip


@asynccontextmanager
async def _connected(settings: Settings, vault: Vault) -> AsyncIterator[AsyncConnection]:
    cluster = join_store(settings, vault)
    connection = await AsyncConnection.connect(cluster.conninfo(roles.SCHEDULER), autocommit=True)
    async with connection:
        yield connection

"""Comparing a million pairs: seconds, memory, and whether exactly the planted drift is suspected. The bar: 30 s and 1 GB.

Then a whole census of a population in NetSuite's look-alike (`population.py`).
"""

from __future__ import annotations

import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg_pool import AsyncConnectionPool

from tieline.adapters.postgres import launcher, migrate, roles
from tieline.adapters.postgres.pools import pool as make_pool
from tieline.engine.rows import tenant_transaction
from tieline.entrypoints.bench import population
from tieline.ports.landscape import Advice, TenantSetup
from tieline.reconciliation.comparing import compare_window
from tieline.reconciliation.runs import begin, move, unfinished

PAIRS = int(os.environ.get("TIELINE_BENCH_PAIRS", "1000000"))
PLANTED_EVERY = 10_000  # one of each class in so many
WRITTEN_EVERY = 100  # one in so many was sent and not read back yet: the listing confirms it
SECONDS_MAX, BYTES_MAX = 30.0, 1_000_000_000
TENANT = "bench"


async def measure(say: Callable[[str], None], size: int = population.REPLICAS) -> dict[str, Any]:
    return await _compared(say) | {"population": await population.measure(say, size)}


async def _compared(say: Callable[[str], None]) -> dict[str, Any]:
    home = Path(tempfile.mkdtemp(prefix="tieline-bench-"))
    os.chmod(home, 0o711)  # noqa: S103 - as root the server runs as a lesser user, which must be able to pass through
    cluster = launcher.start(home)
    try:
        migrate.migrate(cluster.conninfo(roles.ADMIN))
        say(f"filling the store with {PAIRS:,} replicas and what was seen of them")
        async with make_pool(cluster.conninfo(roles.SCHEDULER), "bench", 1, 2) as pool:
            return await _measure(cluster.conninfo(roles.ADMIN), pool, say)
    finally:
        cluster.stop()
        shutil.rmtree(home, ignore_errors=True)


async def _measure(admin: str, pool: AsyncConnectionPool[Any], say: Callable[[str], None]) -> dict[str, Any]:
    run_id = await _fill(admin, pool)
    say("comparing")
    started, windows, peak = time.monotonic(), 0, 0
    async with pool.connection() as connection:
        while True:
            async with tenant_transaction(connection, TENANT) as cursor:
                (run,) = await unfinished(cursor, TENANT)
                if run.state != "comparing":
                    break
                await compare_window(cursor, _setup(), run)
            windows += 1
            peak = max(peak, _bytes_of(connection.info.backend_pid))
    seconds = time.monotonic() - started
    found = await _found(admin, run_id)
    ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    planted = PAIRS // PLANTED_EVERY
    return {
        "pairs": PAIRS, "compared": run.compared, "seconds": round(seconds, 2), "pairs_per_second": round(PAIRS / seconds),
        "windows": windows, "seconds_per_window": round(seconds / windows, 3), "backend_bytes": peak, "process_bytes": ours,
        "planted_each": planted, "suspected": found, "confirmed": run.confirmed,
        "exact": found == dict.fromkeys(found, planted) and len(found) == 4 and run.confirmed == PAIRS // WRITTEN_EVERY,
        "within_the_bar": seconds <= SECONDS_MAX and peak + ours <= BYTES_MAX,
    }  # fmt: skip


async def _fill(admin: str, pool: AsyncConnectionPool[Any]) -> Any:
    """Every class of drift in each ten thousand: edited, gone, a stranger, a double."""
    async with pool.connection() as connection, tenant_transaction(connection, TENANT) as cursor:
        run_id = await begin(cursor, TENANT, "erp", "client", "full", "bench")
    async with await psycopg.AsyncConnection.connect(admin, autocommit=True) as connection:
        values = {"tenant": TENANT, "run": run_id, "n": PAIRS, "every": PLANTED_EVERY, "written": WRITTEN_EVERY}
        for statement in (_PLAN, _SEE, _DOUBLES, _STRANGERS):
            await connection.execute(statement, values)
        await connection.execute("analyze replicas")
        await connection.execute("checkpoint")
    async with pool.connection() as connection, tenant_transaction(connection, TENANT) as cursor:
        (run,) = await unfinished(cursor, TENANT)
        await move(cursor, run, state="comparing", started_at=datetime.now(UTC))
    return run_id


async def _found(admin: str, run_id: Any) -> dict[str, int]:
    async with await psycopg.AsyncConnection.connect(admin) as connection:
        rows = await connection.execute(
            "select class, count(*) from census_drift where run_id = %s group by class order by class", (run_id,)
        )
        return {name: int(count) for name, count in await rows.fetchall()}


def _bytes_of(pid: int) -> int:
    """The backend's own peak; what it shares with the others is shared."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    sizes = dict(line.split(":", 1) for line in status.splitlines() if line.startswith(("VmHWM", "RssShmem")))
    return (int(sizes["VmHWM"].split()[0]) - int(sizes["RssShmem"].split()[0])) * 1024


def _setup() -> TenantSetup:
    return TenantSetup(
        tenant=TENANT, firm=None, config_version="1", systems={}, sources={}, flows=(), poll_every_s={},
        route=lambda role, legal_entity: None, refuse=lambda system, change: None, describe=lambda change: None,
        check_fact=lambda kind, fields: None, advise=lambda code: Advice(owner="integration", way_out=""),
        today=lambda legal_entity, moment: moment.date(),
    )  # fmt: skip


_DOC: LiteralString = """jsonb_build_object('id', 'cli_' || lpad(i::text, 26, '0'), 'name', 'Client ' || i, 'legal_entity', 'US01',
  'currency', 'USD', 'tax_code', 'STANDARD', 'tax_registration', 'US-' || i, 'address', jsonb_build_object(
    'street', i || ' Main Street', 'city', 'New York', 'postal_code', '10001', 'country', 'US'))"""
_PLAN: LiteralString = f"""insert into replicas (tenant_id, replica_id, lane, shard, system, kind, key, role, legal_entity,
  nature, doc, digest, revision, settled_revision, confirmed_revision, status, observed_at, updated_at, external,
  config_version, next_actor)
select %(tenant)s, 'erp/client/cli_' || lpad(i::text, 26, '0'), 'client:' || i, i %% 256, 'erp', 'client',
  'cli_' || lpad(i::text, 26, '0'), 'erp', 'US01', 'state', {_DOC}, decode(md5(i::text), 'hex'), 1, 1, 1,
  case when i %% %(written)s = 50 then 'written' else 'in_step' end,
  now() - interval '1 hour', now() - interval '1 hour', jsonb_build_object('id', i::text), '1', 'erp'
from generate_series(1, %(n)s) as i"""
_SEE: LiteralString = f"""insert into census_seen (tenant_id, run_id, replica_id, external_id, fields, external)
select %(tenant)s, %(run)s, 'erp/client/cli_' || lpad(i::text, 26, '0'), i::text,
  {_DOC} - 'tax_code' || case when i %% %(every)s = 1 then '{{"name": "edited"}}'::jsonb else '{{}}' end,
  jsonb_build_object('id', i::text)
from generate_series(1, %(n)s) as i where i %% %(every)s <> 2"""
_DOUBLES: LiteralString = """insert into census_seen (tenant_id, run_id, replica_id, external_id, fields, external)
select tenant_id, run_id, replica_id, external_id || '-2', fields, external from census_seen
where run_id = %(run)s and tenant_id = %(tenant)s and external_id::int %% %(every)s = 3"""
_STRANGERS: LiteralString = """insert into census_seen (tenant_id, run_id, replica_id, external_id, fields, external)
select %(tenant)s, %(run)s, 'erp/client/cli_' || lpad(i::text, 26, '0') || 'z', 'x' || i, '{}', '{}'
from generate_series(4, %(n)s, %(every)s) as i"""

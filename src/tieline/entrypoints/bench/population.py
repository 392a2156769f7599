"""A census of NetSuite's look-alike: a population with drift of every class planted at random places, listed as in production.

`t_min_s` is what the vendor's declared limits allow at best: pages x latency / the calls at once that listings may have,
which is half of what the connection declares, so that pushes never wait for a listing.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString

from tieline.adapters.postgres import launcher, migrate, roles
from tieline.adapters.postgres.pools import pool as make_pool
from tieline.connectors.netsuite.wire import PAGE_ROWS
from tieline.engine.budgets.criticality import Criticality, most_at_once
from tieline.engine.budgets.owned import own_budgets
from tieline.engine.rows import tenant_transaction
from tieline.entrypoints.bench.planting import PLACES, TENANT, Account, Say, account_at, fill, plant
from tieline.entrypoints.demo import firm
from tieline.ports.landscape import Advice, TenantSetup
from tieline.ports.limits import Allowance, Limits
from tieline.reconciliation import views
from tieline.reconciliation.census import Census
from tieline.reconciliation.runs import begin
from tieline.sdk.system import ConnectedSystem
from tieline.twins.process import served

REPLICAS = 100_000
LATENCY_MS = 1000.0  # a query of a thousand rows over four tables takes the real one a second or more
LISTING_BAR = 0.9


async def measure(say: Say, size: int = REPLICAS) -> dict[str, Any]:
    with _home() as home, served("netsuite", home / "netsuite", account=firm.ACCOUNT, pool=PLACES) as twin:
        cluster = launcher.start(home / "store")
        try:
            migrate.migrate(cluster.conninfo(roles.ADMIN))
            async with account_at(twin, cluster.conninfo(roles.ADMIN)) as account:
                await fill(account, size, say)
                planted = await plant(account, size)
                account.twin.control("latency", {"ms": LATENCY_MS})
                say(f"a census of {size:,} replicas, {LATENCY_MS:.0f} ms a page")
                return await _census(cluster.conninfo(roles.SCHEDULER), account, size, planted)
        finally:
            cluster.stop()


@contextlib.contextmanager
def _home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tieline-bench-", ignore_cleanup_errors=True) as name:
        os.chmod(name, 0o711)  # noqa: S103  as root the server runs as a lesser user, which must be able to pass through
        yield Path(name)


async def _census(conninfo: str, account: Account, size: int, planted: Mapping[str, str]) -> dict[str, Any]:
    setup = _setup(account.system)
    landscape = {TENANT: setup}
    async with make_pool(conninfo, "bench", 1, 4) as pool, own_budgets(pool, landscape, "bench") as budgets:
        async with pool.connection() as connection, tenant_transaction(connection, TENANT) as cursor:
            run_id = await begin(cursor, TENANT, "erp", "client", "full", "bench")
        census, spent, state, since = (
            Census(pool, landscape, _now, budgets),
            Counter[str](),
            "listing",
            time.monotonic(),
        )
        account.watch.calls.clear()
        listed: list[tuple[float, float, bool]] = []
        while state not in ("done", "stopped"):
            if not await census.round():
                await asyncio.sleep(0.05)
            run = await (await account.admin.execute(_STATE, (run_id,))).fetchone()
            now = time.monotonic()
            spent[state] += now - since  # type: ignore[assignment]
            if state == "listing":
                listed = list(account.watch.calls)
            state, since = run["state"], now  # type: ignore[index]
        async with pool.connection() as connection, tenant_transaction(connection, TENANT) as cursor:
            told = await views.drift(cursor, run_id)
            row = await views.run(cursor, run_id)
    assert row is not None
    return _figures(
        size, planted, {each["replica_id"].rpartition("/")[2]: each["class"] for each in told}, row, spent, listed
    )


def _figures(
    size: int, planted: Mapping[str, str], told: Mapping[str, str], run: Mapping[str, Any], spent: Mapping[str, float],
    calls: Sequence[tuple[float, float, bool]],
) -> dict[str, Any]:  # fmt: skip
    at_once = most_at_once(Criticality.CENSUS, PLACES - 1)
    pages, good = math.ceil(run["listed"] / PAGE_ROWS), [seconds for _, seconds, refused in calls if not refused]
    latency = sum(good) / len(good)
    t_min = pages * LATENCY_MS / 1000 / at_once
    return {
        "replicas": size, "listed": run["listed"], "pages": pages, "calls": len(calls), "turned_away": len(calls) - len(good),
        "declared_calls_at_once": PLACES - 1, "listing_calls_at_once": at_once, "latency_ms": LATENCY_MS,
        "latency_seen_ms": round(latency * 1000, 1), "t_min_s": round(t_min, 2), "listing_s": round(spent["listing"], 2),
        "listing_efficiency": round(t_min / spent["listing"], 3), "listing_bar": LISTING_BAR,
        "comparing_s": round(spent["comparing"], 2), "checking_s": round(spent["checking"], 2),
        "whole_s": round(sum(spent.values()), 2), "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "planted": dict(Counter(planted.values())), "found": dict(Counter(told.values())),
        "found_of_planted": sum(told.get(key) == kind for key, kind in planted.items()), "planted_in_all": len(planted),
        "false": sum(planted.get(key) != kind for key, kind in told.items()), "unchecked": run["unchecked"],
    }  # fmt: skip


def _setup(system: ConnectedSystem) -> TenantSetup:
    return TenantSetup(
        tenant=TENANT, firm=None, config_version="1", systems={"erp": system}, sources={}, flows=(), poll_every_s={},
        route=lambda role, legal_entity: "erp", refuse=lambda name, change: None, describe=lambda change: None,
        check_fact=lambda kind, fields: None, advise=lambda code: Advice(owner="integration", way_out=""),
        today=lambda legal_entity, moment: moment.date(),
        allowances={"erp": Allowance(budget="erp", limits=Limits(concurrency=PLACES - 1), meter=system.meter)},
    )  # fmt: skip


def _now() -> datetime:
    return datetime.now(UTC)


_STATE: LiteralString = "select state from census_runs where run_id = %s"

"""Every duty of the hub, in one list. Who adds one adds a line; who runs them is `tieline up` and `tieline run scheduler`."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime

from tieline.adapters.config import Settings
from tieline.adapters.postgres import launcher, roles
from tieline.adapters.postgres.pools import pool as make_pool
from tieline.adapters.vault import EnvFileVault
from tieline.bootstrap.auditing import Auditing, auditing
from tieline.bootstrap.clock import business_clock, movable
from tieline.bootstrap.landscape import build_landscape
from tieline.bootstrap.schedules import schedules_of
from tieline.bootstrap.store import Pool, join_store
from tieline.bootstrap.webhooks import delivering
from tieline.engine.budgets.budgets import Budgets
from tieline.engine.budgets.owned import own_budgets
from tieline.engine.clock import Journey
from tieline.engine.duties import Duty, Runner
from tieline.engine.duties.liveness import Monitor
from tieline.engine.duties.partitions import partitions_duty
from tieline.engine.duties.retention import retention_duty
from tieline.engine.duties.schedules import schedules_duty
from tieline.engine.feed.duty import seal_duty
from tieline.ports.clock import WALL
from tieline.ports.landscape import Landscape, present
from tieline.reconciliation.census import census_duty

LEASE_S = 3.0  # with beats a second apart another scheduler has the duties of a dead one within 4 s
TRANSACTION_S = 10.0  # a scheduler that stands still must not keep a duty from a successor by a fenced transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a duty may be given. `pool` is of the scheduler's database role."""

    pool: Pool
    landscape: Landscape
    clock: Callable[[], datetime]
    settings: Settings
    audit: Auditing
    budgets: Budgets


def all_duties(place: Place, deliver: Duty) -> tuple[Duty, ...]:
    return (
        partitions_duty(place.pool),
        retention_duty(place.pool, place.landscape),
        census_duty(place.pool, place.landscape, place.clock, place.budgets),
        seal_duty(
            place.pool, tuple(place.landscape), sink=place.audit.sink, signer=place.audit.signer, keys=place.audit.keys,
            clock=place.clock,
        ),
        deliver,
        Monitor(place.pool, place.landscape, place.clock).duty(),
        *timed_duties(place),
    )  # fmt: skip


def timed_duties(place: Place) -> tuple[Duty, ...]:
    """What goes by business time: schedules, and in a rehearsal the clock itself."""
    schedules = schedules_of(place.settings)
    meeting = schedules_duty(place.pool, schedules, lambda: present(place.landscape, place.clock()))
    clock = movable(next((setup.clock for setup in place.landscape.values()), WALL))
    if clock is None:
        return (meeting,)
    return meeting, Journey(place.pool, tuple(place.landscape), schedules, clock, place.clock).duty()


@contextlib.asynccontextmanager
async def scheduler(
    settings: Settings, cluster: launcher.Cluster, landscape: Landscape, clock: Callable[[], datetime],
    budgets: Budgets | None = None,
) -> AsyncIterator[Runner]:  # fmt: skip
    """The duties and their runner, built but not running: the caller starts `run()` and ends it with `stop()`.

    `budgets` are those of a worker in the same process, which keeps them; without, the scheduler has its own.
    """
    owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    async with contextlib.AsyncExitStack() as stack:
        conninfo = cluster.conninfo(roles.SCHEDULER)
        pool = await stack.enter_async_context(make_pool(conninfo, "scheduler", 1, 4, TRANSACTION_S))
        if budgets is None:
            budgets = await stack.enter_async_context(own_budgets(pool, landscape, f"scheduler-{owner}"))
        place = Place(
            pool=pool, landscape=landscape, clock=clock, settings=settings, budgets=budgets,
            audit=auditing(settings, EnvFileVault()),
        )  # fmt: skip
        async with delivering(settings, pool, clock) as deliver:
            yield Runner(pool, all_duties(place, deliver), owner, LEASE_S)


@contextlib.asynccontextmanager
async def scheduler_only(settings: Settings, clock: Callable[[], datetime]) -> AsyncIterator[Runner]:
    """One more scheduler on a store that another process has opened and migrated."""
    vault = EnvFileVault()
    async with contextlib.AsyncExitStack() as stack:
        cluster = join_store(settings, vault)
        business = await stack.enter_async_context(business_clock(settings, cluster))
        built = build_landscape(settings, vault, business=business)
        stack.push_async_callback(built.aclose)
        yield await stack.enter_async_context(scheduler(settings, cluster, built.landscape, clock))

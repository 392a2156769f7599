"""Which populations are due to be listed: each kind of each system by its own cadence, counted from its last beginning."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString

from tieline.engine.rows import Cursor
from tieline.ports.landscape import Cadence, TenantSetup
from tieline.ports.systems import Lister
from tieline.reconciliation.runs import Mode

OVERLAP = timedelta(minutes=10)  # commit lag and clocks: what changed is asked for from before the last beginning


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    system: str
    kind: str
    mode: Mode
    changed_since: datetime | None = None
    token: str | None = None


def populations(setup: TenantSetup) -> Iterator[tuple[str, str]]:
    """(system, kind) of everything that can be listed: documents of targets, topics of sources that tell all they have.

    An inbox tells nothing by itself: to believe that what it does not list is gone would hold every contract.
    """
    for name, system in setup.systems.items():
        if isinstance(system, Lister):
            yield from ((name, kind) for kind in system.listed_kinds)
    for name, source in setup.sources.items():
        if getattr(source, "tells_all", False):
            yield from ((name, topic) for topic in source.topics)


def is_source(setup: TenantSetup, system: str, kind: str) -> bool:
    listed = setup.systems.get(system)
    return system in setup.sources and not (isinstance(listed, Lister) and kind in listed.listed_kinds)


async def due(cursor: Cursor, setup: TenantSetup, now: datetime) -> list[Due]:
    """What should begin now. A population that was never listed is first due one interval after the firm began."""
    await cursor.execute(_LAST, (setup.tenant,))
    rows = await cursor.fetchall()
    last = {(row["system"], row["kind"]): row for row in rows}
    found = (_due(setup, population, last.get(population), rows, now) for population in populations(setup))
    return [each for each in found if each is not None]


def _due(
    setup: TenantSetup, population: tuple[str, str], last: dict[str, object] | None, rows: list[dict[str, object]], now: datetime
) -> Due | None:  # fmt: skip
    cadence = setup.census.get(population, Cadence())
    begun = next((row["began"] for row in rows), None)
    full_at, any_at = (last["full_at"], last["any_at"]) if last else (None, None)
    if last and last["busy"]:
        return None
    if _past(full_at or begun, cadence.full_s, now):
        return Due(system=population[0], kind=population[1], mode="full")
    if not _past(any_at or begun, cadence.changed_s, now):
        return None
    since = any_at or begun
    assert isinstance(since, datetime)
    token = last["token"] if last and is_source(setup, *population) else None
    return Due(
        system=population[0], kind=population[1], mode="changed", changed_since=since - OVERLAP,
        token=str(token) if token else None,
    )  # fmt: skip


def _past(since: object, every_s: float | None, now: datetime) -> bool:
    return every_s is not None and isinstance(since, datetime) and since + timedelta(seconds=every_s) <= now


_LAST: LiteralString = """select t.created_at as began, c.system, c.kind,
  max(c.started_at) filter (where c.mode = 'full') as full_at, max(c.started_at) as any_at,
  bool_or(c.state in ('listing', 'comparing', 'checking', 'reporting', 'clearing')) as busy,
  (array_agg(c.token order by c.started_at desc) filter (where c.state = 'done' and c.token is not null))[1] as token
from tenants t left join census_runs c using (tenant_id) where t.tenant_id = %s group by 1, 2, 3"""

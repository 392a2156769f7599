"""What `tieline doctor` wants to know of the store itself: its clock, months ahead, months too old, dead rows, rights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from tieline.adapters.postgres import privileges, roles

SKEW_MAX_S = 2.0
DEAD_MAX = 20_000  # dead rows of a queue that vacuuming has not caught up with
HOT = ("due", "lane_dirty", "intake", "waits", "shards", "workers", "duties", "replicas")
Check = dict[str, Any]


async def examine(connection: AsyncConnection[Any], now: Callable[[], datetime]) -> Mapping[str, Check]:
    return {
        "store clock": await _clock(connection, now),
        "months ahead": await _ahead(connection),
        "retention": await _retention(connection),
        "vacuum": await _vacuum(connection),
        "rights": await _rights(connection),
    }


async def _clock(connection: AsyncConnection[Any], now: Callable[[], datetime]) -> Check:
    """Leases live by the store's clock, business hours by ours: far apart, a wake-up comes at the wrong hour (F43)."""
    before = now()
    (stamp,) = (await _rows(connection, "select clock_timestamp()"))[0]
    after = now()
    skew_s = max((before - stamp).total_seconds(), (stamp - after).total_seconds(), 0.0)
    return _check(
        skew_s <= SKEW_MAX_S, f"within {SKEW_MAX_S:.0f} s of this process", f"{skew_s:.1f} s apart",
        "run a time service on both hosts, e.g. `timedatectl set-ntp true`",
    )  # fmt: skip


async def _ahead(connection: AsyncConnection[Any]) -> Check:
    """A row for a month that nobody prepared is refused, so the next month must be there in time."""
    missing = [name for (name,) in await _rows(connection, _AHEAD)]
    return _check(
        not missing, "next month is prepared in every table", f"missing: {', '.join(missing)}" if missing else "prepared",
        "start a scheduler: `tieline run scheduler` makes them within a minute",
    )  # fmt: skip


async def _retention(connection: AsyncConnection[Any]) -> Check:
    """A dry run: what the next round drops is no fault; what must stay, and why, is said."""
    rows = await _rows(connection, "select partition_name, kept_because from expired_partitions(now())")
    due = [name for name, kept in rows if kept is None]
    kept = [f"{name} stays: {why}" for name, why in rows if why is not None]
    said = [f"{len(due)} months to be dropped next: {', '.join(due[:5])}"] if due else []
    return _check(
        True, "nothing older than the retention table says", "; ".join([*said, *kept[:5]]) or "nothing is older"
    )


async def _vacuum(connection: AsyncConnection[Any]) -> Check:
    rows = await _rows(connection, _DEAD, [list(HOT)])
    bloated = [(name, dead) for name, live, dead in rows if dead > max(DEAD_MAX, live)]
    seen = ", ".join(f"{name} has {dead} dead rows" for name, dead in bloated) or "queues are clean"
    way_out = f"end transactions that last for hours, then: `vacuum {bloated[0][0]};` as the owner" if bloated else ""
    return _check(not bloated, f"fewer than {DEAD_MAX} dead rows in each queue", seen, way_out)


async def _rights(connection: AsyncConnection[Any]) -> Check:
    """The written matrix, cell by cell: a grant made by hand is found here."""
    cells = [
        (role, table, privileges.VERBS[letter], letter in cells.get(role, ""))
        for table, cells in privileges.MATRIX.items() for role in roles.COMPONENTS for letter in privileges.VERBS
    ]  # fmt: skip
    columns = [list(column) for column in zip(*cells, strict=True)]
    wrong = await _rows(connection, _RIGHTS, columns)
    seen = ", ".join(f"{role} may{'' if may else ' not'} {verb} {table}" for role, table, verb, may in wrong[:5])
    return _check(
        not wrong, "each role may do what is written and nothing else", seen or "as written",
        "restart Tieline with the administrator's address: it sets every right anew",
    )  # fmt: skip


async def _rows(connection: AsyncConnection[Any], sql: str, values: list[Any] | None = None) -> list[Any]:
    return await (await connection.execute(sql.encode(), values)).fetchall()


def _check(ok: bool, expected: str, seen: str, way_out: str = "") -> Check:
    return {"ok": ok, "expected": expected, "seen": seen, "way_out": "" if ok else way_out}


_AHEAD = """select c.relname from pg_partitioned_table p join pg_class c on c.oid = p.partrelid
where p.partstrat = 'r' and c.relnamespace = 'public'::regnamespace and to_regclass(format('public.%I', c.relname || '_m'
  || to_char((now() at time zone 'UTC') + interval '1 month', 'YYYYMM'))) is null order by 1"""
_DEAD = "select relname, n_live_tup, n_dead_tup from pg_stat_user_tables where relname = any(%s) order by relname"
_RIGHTS = """select role, name, verb, not wanted from unnest(%s::text[], %s::text[], %s::text[], %s::bool[])
  as cells (role, name, verb, wanted)
where to_regclass('public.' || name) is not null
  and has_table_privilege(role, 'public.' || name, verb) <> wanted order by 1, 2, 3"""

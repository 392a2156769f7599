"""Lanes whose records come in parts: which parts are due, a chunk at a time, and how far a sweep over all has come.

A planning transaction plans either some parts of a lane or, when none is due, the lane as a whole. The cost of a change is
then that of the parts it touches, and a change of the terms goes through all parts in chunks, each its own transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tieline.engine.rows import Cursor, Row, ask, write
from tieline.ports.flows import Each
from tieline.ports.landscape import TenantSetup
from tieline.ports.systems import Change

SHARES_MAX = 16  # among how many lanes the parts of one transaction are shared out


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What one lane has to do about its parts now. `any`: it has parts at all; `wake_at`: the next hour of one of them.

    `swept`: where a sweep stands after these parts; None when none is under way, or when it ends with them.
    `waits`: its parts found no room in this transaction.
    """

    any: bool = False
    parts: tuple[str, ...] = ()
    waits: bool = False
    swept: str | None = None
    wake_at: datetime | None = None


NOTHING = Due()


def each_kinds(setup: TenantSetup) -> dict[str, Each]:
    return {flow.each.kind: flow.each for flow in setup.flows if flow.each is not None}


def part_in(setup: TenantSetup) -> Callable[[Change], str | None]:
    """The part that a change belongs to, for the intake."""
    known = each_kinds(setup)
    return lambda change: known[change.kind].part(change.doc) if change.kind in known else None


async def ask_parts(cursor: Cursor, setup: TenantSetup, lanes: Iterable[str]) -> Cursor:
    """How these lanes stand with their parts, for `due_parts`."""
    return await ask(cursor, _STANDING, (sorted(lanes), setup.tenant))


async def due_parts(
    cursor: Cursor, setup: TenantSetup, lanes: Mapping[str, Row], now: datetime, standing: Cursor
) -> dict[str, Due]:
    """For locked lanes: the parts to be planned in this transaction, those that changed before those of a sweep."""
    kinds = each_kinds(setup)
    if not kinds:
        return {}
    rows = {row["lane"]: row for row in await standing.fetchall() if row["any"] or row["next_at"]}
    changed = sorted(lane for lane, row in rows.items() if row["next_at"] is not None and row["next_at"] <= now)
    most = min(each.chunk for each in kinds.values())
    given = {"tenant": setup.tenant, "lanes": changed, "now": now, "share": _share(most, len(changed)), "most": most}
    chosen = await _chosen(cursor, _CHANGED, given) if changed else {}
    sweeping = [lane for lane, row in rows.items() if lanes[lane]["sweep"] is not None and lane not in changed]
    share = _share(most, len(sweeping))
    after = [lanes[lane]["sweep"] for lane in sweeping]
    given = {"tenant": setup.tenant, "lanes": sweeping, "after": after, "kinds": list(kinds), "share": share}
    swept = await _chosen(cursor, _SWEEP, given) if sweeping else {}
    return {
        lane: Due(
            any=True,
            parts=tuple(chosen.get(lane, ()) or swept.get(lane, ())),
            waits=lane in changed and lane not in chosen,
            swept=_swept(lanes[lane], lane in changed, swept.get(lane, []), share),
            wake_at=row["next_at"],
        )
        for lane, row in rows.items()
    }


def _share(most: int, lanes: int) -> int:
    return max(1, most // min(max(lanes, 1), SHARES_MAX))


def _swept(lane: Row, waits: bool, parts: Sequence[str], share: int) -> str | None:
    if waits:
        return lane["sweep"]  # type: ignore[no-any-return]
    return parts[-1] if len(parts) == share else None


async def _chosen(cursor: Cursor, sql: str, given: Mapping[str, object]) -> dict[str, list[str]]:
    await cursor.execute(sql.encode(), given)
    found: dict[str, list[str]] = defaultdict(list)
    for row in await cursor.fetchall():
        found[row["lane"]].append(row["part"])
    return found


async def first_parts(cursor: Cursor, setup: TenantSetup, lane: str) -> tuple[str, ...]:
    """As many parts of a lane as one transaction would plan, whether they are due or not."""
    kinds = each_kinds(setup)
    if not kinds:
        return ()
    most = min(each.chunk for each in kinds.values())
    given = {"tenant": setup.tenant, "lanes": [lane], "after": [""], "kinds": list(kinds), "share": most}
    return tuple((await _chosen(cursor, _SWEEP, given)).get(lane, ()))


async def parts_changed(cursor: Cursor, tenant: str, rows: Sequence[Row]) -> None:
    """Have these parts (lane, part, and at what hour: None is at once) planned again. The caller holds the lane's lock."""
    unique = {(row["lane"], row["part"]): row for row in rows}
    await write(cursor, _WANT, list(unique.values()), tenant)


async def parts_planned(cursor: Cursor, tenant: str, parts: Sequence[Row]) -> None:
    """These parts (lane, part) wait no more."""
    await write(cursor, _DONE, parts, tenant)


async def set_sweeps(cursor: Cursor, tenant: str, rows: Sequence[Row]) -> None:
    """How far the sweeps of these lanes have come, and under which terms (lane, terms, sweep)."""
    await write(cursor, _SWEPT, rows, tenant)


_SWEPT = """update lanes l set terms = decode(r.terms, 'hex'), sweep = r.sweep
from (select %s::text as tenant_id, x.* from jsonb_to_recordset(%s::jsonb) as x(lane text, terms text, sweep text)) r
where l.tenant_id = r.tenant_id and l.lane = r.lane"""
_STANDING = """select l.lane,
  exists (select 1 from records r where r.tenant_id = t.id and r.lane = l.lane and r.part is not null) as any,
  (select min(p.at) from parts_due p where p.tenant_id = t.id and p.lane = l.lane) as next_at
from unnest(%s::text[]) as l (lane), (select %s::text as id) as t"""
_CHANGED = """select p.lane, p.part from unnest(%(lanes)s::text[]) as l (lane)
cross join lateral (
  select q.lane, q.part, q.at from parts_due q where q.tenant_id = %(tenant)s and q.lane = l.lane and q.at <= %(now)s
  order by q.at, q.part limit %(share)s) p
order by p.at, p.lane, p.part limit %(most)s"""
_SWEEP = """select s.lane, p.part from unnest(%(lanes)s::text[], %(after)s::text[]) as s (lane, after)
cross join lateral (
  select distinct r.part from records r where r.tenant_id = %(tenant)s and r.lane = s.lane and r.part > s.after
    and r.kind = any(%(kinds)s) order by r.part limit %(share)s) p
order by s.lane, p.part"""
_WANT = """insert into parts_due (tenant_id, lane, part, at) select %s, lane, part, coalesce(at, 'epoch')
from jsonb_to_recordset(%s::jsonb) as r(lane text, part text, at timestamptz)
on conflict (tenant_id, lane, part) do update set at = least(parts_due.at, excluded.at) where parts_due.at > excluded.at"""
_DONE = """delete from parts_due d
using (select %s::text as tenant_id, r.* from jsonb_to_recordset(%s::jsonb) as r(lane text, part text)) p
where d.tenant_id = p.tenant_id and d.lane = p.lane and d.part = p.part"""

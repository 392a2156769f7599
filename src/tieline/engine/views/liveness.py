"""Whether duties are done and everything unfinished has its turn: the same answer for `/readyz?verbose` and `tieline doctor`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from tieline.engine.duties.watches import FEED_WAY_OUT, LISTED, UNSEALED_S, WATCHES
from tieline.engine.rows import Row
from tieline.kit.canonical import Json

SILENT_S = 60.0  # after so long without a good round a duty is told to be silent (L5)
UNSEALED_MOST = 100_000  # are counted
_KNOWN = {watch.name: watch for watch in WATCHES}


async def duties_check(connection: AsyncConnection[Any]) -> dict[str, Json]:
    """Every duty had a good round lately. One whose rounds are far apart may be silent for as long as that, and a minute."""
    rows = await _rows(connection, _DUTIES)
    expected = f"every duty had a good round in its time and {SILENT_S:.0f} s"
    if not rows:
        return _check(
            False, expected, "no scheduler has ever run", "start one: `tieline run scheduler`, or `tieline up`"
        )
    silent = [row for row in rows if row["silent"]]
    held = any(row["held"] for row in rows)
    way_out = "its error is named; read the scheduler's log" if held else "start one: `tieline run scheduler`"
    seen = "; ".join(_silence(row) for row in silent[:5]) or f"{len(rows)} duties are done in time"
    return _check(not silent, expected, seen if held or not silent else f"no scheduler is alive; {seen}", way_out)


async def unfinished_check(connection: AsyncConnection[Any]) -> dict[str, Json]:
    """What the monitor found; a look that is too old is a finding itself, because nobody would see what is late now."""
    rows = await _rows(connection, _WATCHES)
    expected = "everything unfinished has its turn and its time, seen within a minute"
    if not rows or any(row["age_s"] > SILENT_S for row in rows):
        oldest = max((row["age_s"] for row in rows), default=None)
        seen = "nobody has ever looked" if oldest is None else f"nobody has looked for {oldest:.0f} s"
        return _check(False, expected, seen, "start the monitor: `tieline run scheduler`, or `tieline up`")
    late = [row for row in rows if row["overdue"]]
    seen = "; ".join(_late(row) for row in late) or "nothing is late"
    known = [_KNOWN[row["watch"]].way_out for row in late if row["watch"] in _KNOWN]
    return _check(not late, expected, seen, "; ".join(dict.fromkeys(known)) or LISTED)


async def feed_check(connection: AsyncConnection[Any]) -> dict[str, Json]:
    """Events that have no place in the feed yet. The store itself is asked: no monitor needs to run for it."""
    (row,) = await _rows(connection, _UNSEALED)
    expected = f"every event has its place within {UNSEALED_S:.0f} s"
    waiting = f"{row['waiting']:,}{' or more' if row['waiting'] >= UNSEALED_MOST else ''} events have no place yet"
    seen = f"{waiting}, the oldest for {row['age_s']:.0f} s" if row["waiting"] else "every event has its place"
    return _check(not row["waiting"] or row["age_s"] < UNSEALED_S, expected, seen, FEED_WAY_OUT)


def _silence(row: Row) -> str:
    last = f"silent for {row['age_s']:.0f} s" if row["age_s"] is not None else "never had a good round"
    return f"{row['duty']} {last}" + (f" ({row['last_error']})" if row["last_error"] else "")


def _late(row: Row) -> str:
    since = f", the oldest since {row['oldest_at']:%Y-%m-%d %H:%M} UTC" if row["oldest_at"] else ""
    known = _KNOWN.get(row["watch"])
    return f"{row['overdue']} {known.what if known else row['watch']}{since}"


async def _rows(connection: AsyncConnection[Any], sql: str) -> Sequence[Row]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(sql.encode(), {"silent_s": SILENT_S})).fetchall()


def _check(ok: bool, expected: str, seen: str, way_out: str) -> dict[str, Json]:
    return {"ok": ok, "expected": expected, "seen": seen, "way_out": "" if ok else way_out}


# A duty that nobody has taken yet is given its first minute. Intervals are fractions of a second: extract, not casts.
_DUTIES = """select duty, last_error, coalesce(lease_until > clock_timestamp(), false) as held,
  extract(epoch from clock_timestamp() - last_ok_at)::float8 as age_s,
  clock_timestamp() - coalesce(last_ok_at, created_at) > make_interval(secs => %(silent_s)s
    + case when every_s > %(silent_s)s / 2 then every_s else 0 end) as silent
from duties order by duty"""
_WATCHES = """select watch, overdue, oldest_at, extract(epoch from clock_timestamp() - looked_at)::float8 as age_s
from watches where %(silent_s)s > 0 order by watch"""
_UNSEALED = """select waiting, extract(epoch from clock_timestamp() - oldest)::float8 as age_s from unsealed_queue()
where %(silent_s)s > 0"""

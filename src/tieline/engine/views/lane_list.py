"""Lanes of one root kind with their standing, a page at a time, by key."""

from __future__ import annotations

from typing import LiteralString

from tieline.engine.rows import Cursor, Row
from tieline.engine.views.standing import COLUMNS, COUNTS, state_of


async def lane_list(cursor: Cursor, *, prefix: str, root_kind: str, after: str, limit: int) -> list[Row]:
    """At most `limit` lanes whose name starts with `prefix` and sorts after `after`; `root` is their root record."""
    await cursor.execute(_SQL, {"prefix": prefix, "root_kind": root_kind, "after": after, "limit": limit})
    return [{**row, "state": state_of(row)} for row in await cursor.fetchall()]


# The page of lanes is cut first, so that the cost follows the page and not the tenant.
_SQL: LiteralString = (
    """with page as materialized (
  select * from lanes where tenant_id = current_setting('tieline.tenant') and starts_with(lane, %(prefix)s)
    and lane collate "C" > %(after)s and exists (
      select 1 from records x where x.tenant_id = lanes.tenant_id and x.kind = %(root_kind)s
        and x.record_id = substr(lanes.lane, length(%(prefix)s) + 1))
  order by lane collate "C" limit %(limit)s)
select """
    + COLUMNS
    + """, root.doc as root, root.recorded_at, root.version from page l
join records root on root.tenant_id = l.tenant_id and root.kind = %(root_kind)s
  and root.record_id = substr(l.lane, length(%(prefix)s) + 1)"""
    + COUNTS
    + """ order by l.lane collate "C" """
)

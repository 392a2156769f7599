"""Epochs: after a restore to an earlier point the numbers go on from there, under a new name that nobody can confuse.

A cursor is (epoch, position) and the first bytes of the hash there. The hash stands for the whole history before it, so a
cursor is good exactly when the store still holds that hash at that position, whoever restored what; otherwise it has seen
events that no longer exist, and is told where to go on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from tieline.engine.feed.chain import FIRST_EPOCH, epoch_start, genesis
from tieline.engine.feed.signed import EpochStart, epoch_line
from tieline.engine.rows import Cursor, tenant_transaction
from tieline.kit.errors import Conflict
from tieline.ports.audit import Signer, Sink

MARK_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Everything up to `position` was seen, as it stood in `epoch`; `mark` is the beginning of the hash there."""

    epoch: int
    position: int
    mark: bytes = b""


START = Place(epoch=FIRST_EPOCH, position=0)


class CursorGone(Conflict):
    """The cursor saw events that a restore gave up; `resume` is the last place that both sides know."""

    code = "cursor_gone"

    def __init__(self, resume: Place, seen: Place) -> None:
        super().__init__(
            f"The hub was restored to an earlier point: of the {seen.position} events that this cursor has seen, those "
            f"after position {resume.position} were given up. Undo what you did for them and go on from the cursor in "
            "errors[]."
        )
        self.resume = resume


async def check_place(cursor: Cursor, place: Place) -> None:
    """Raises CursorGone when what the place has seen is not what the store holds now."""
    if place.position == 0:
        return
    await cursor.execute(_AT, (place.position,))
    row = await cursor.fetchone()
    if row is None or bytes(row["hash"])[:MARK_BYTES] != place.mark:
        raise CursorGone(await _parting(cursor, place), place)


async def _parting(cursor: Cursor, place: Place) -> Place:
    """Where the place's history and the present one part; the start when no restore was declared that explains it."""
    await cursor.execute(_BRANCH, (place.epoch, place.position, place.position))
    row = await cursor.fetchone()
    if row is None or row["hash"] is None:
        return START
    return Place(epoch=row["epoch"], position=row["position"], mark=bytes(row["hash"])[:MARK_BYTES])


async def start_epoch(
    connection: AsyncConnection[Any],
    tenant: str,
    *,
    sink: Sink,
    signer: Signer,
    clock: Callable[[], datetime],
    by: str,
    reason: str,
    at_least: int = 0,
) -> EpochStart:
    """Begin the tenant's next epoch where its chain stands now, and say so in the outside record first.

    `at_least` is one more than the newest epoch that the outside record knows: a restored store may have forgotten some.
    A crash between the two leaves a start that counts for nothing: run it again.
    """
    async with tenant_transaction(connection, tenant) as cursor:
        await cursor.execute(_FIRST, (tenant, FIRST_EPOCH, genesis(tenant)))
        await cursor.execute("select epoch, position, hash from feed_heads where tenant_id = %s for update", (tenant,))
        head = await cursor.fetchone()
        assert head is not None, "it was made above"
        start = EpochStart(
            tenant=tenant, epoch=max(head["epoch"] + 1, at_least), after_position=head["position"],
            after_hash=bytes(head["hash"]), by=by, reason=reason,
        )  # fmt: skip
        at = clock()
        sink.append(lambda last: epoch_line(last, start, at, signer))
        begun = epoch_start(tenant, start.epoch, start.after_position, start.after_hash)
        await cursor.execute(
            _BEGIN, (tenant, start.epoch, start.after_position, start.after_hash, at, start.by, start.reason)
        )
        await cursor.execute(_MOVE, (start.epoch, begun, start.epoch, start.after_position, tenant))
    return start


_FIRST = "insert into feed_heads (tenant_id, epoch, position, hash) values (%s, %s, 0, %s) on conflict do nothing"
_BEGIN = """insert into feed_epochs (tenant_id, epoch, after_position, after_hash, started_at, started_by, reason)
values (%s, %s, %s, %s, %s, %s, %s)"""
_MOVE = """update feed_heads set epoch = %s, hash = %s, signed_epoch = %s, signed_position = %s, unsigned_since = null
where tenant_id = %s"""
_AT = "select hash from seals where tenant_id = current_setting('tieline.tenant') and position = %s"
# The least of the restores since, or the present end.
_BRANCH = """select coalesce(s.epoch, p.epoch) as epoch, p.position, s.hash from (
  select epoch, after_position as position from feed_epochs
  where tenant_id = current_setting('tieline.tenant') and epoch > %s and after_position < %s
  union all
  select epoch, position from feed_heads where tenant_id = current_setting('tieline.tenant') and position < %s) p
left join seals s on s.tenant_id = current_setting('tieline.tenant') and s.position = p.position
order by p.position, p.epoch limit 1"""

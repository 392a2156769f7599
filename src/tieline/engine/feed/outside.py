"""What the outside record last saw of each tenant, and whether the store still tells the same."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection

from tieline.engine.feed.chain import FIRST_EPOCH, epoch_start
from tieline.engine.feed.merkle import Head
from tieline.engine.feed.signed import Unreadable, read_line
from tieline.engine.rows import tenant_transaction
from tieline.ports.audit import Keys, Sink

Seen = dict[str, Head]


def latest_heads(sink: Sink, keys: Keys) -> Seen:
    """Per tenant the last genuine head; the start of an epoch is one. Forged and torn lines count for nothing."""
    seen: Seen = {}
    for line in sink.lines():
        try:
            read = read_line(line, keys)
        except Unreadable:
            continue
        if read.genuine:
            seen.update({head.tenant: head for head in read.heads})
        if read.genuine and (start := read.start) is not None:
            begun = epoch_start(start.tenant, start.epoch, start.after_position, start.after_hash)
            seen[start.tenant] = Head(tenant=start.tenant, epoch=start.epoch, position=start.after_position, hash=begun)
    return seen


async def tells_the_same(connection: AsyncConnection[Any], tenant: str, seen: Head | None) -> bool:
    """False when the store is behind what was vouched for, or holds another event at that position."""
    if seen is None:
        return True
    async with tenant_transaction(connection, tenant) as cursor:
        await cursor.execute(_KNOWN, {"tenant": tenant, "epoch": seen.epoch, "position": seen.position})
        known = await cursor.fetchone()
    if known is None or known["epoch"] != seen.epoch:
        return False
    if seen.position == 0 and seen.epoch == FIRST_EPOCH:
        return True
    if known["after_position"] == seen.position:  # the epoch had no event yet when it was vouched for
        return epoch_start(tenant, seen.epoch, seen.position, bytes(known["after_hash"])) == seen.hash
    return known["hash"] is not None and bytes(known["hash"]) == seen.hash


_KNOWN = """select h.epoch, e.after_position, e.after_hash, s.hash from feed_heads h
left join feed_epochs e on e.tenant_id = h.tenant_id and e.epoch = h.epoch
left join seals s on s.tenant_id = h.tenant_id and s.position = %(position)s and s.epoch = %(epoch)s
where h.tenant_id = %(tenant)s and h.epoch = %(epoch)s"""

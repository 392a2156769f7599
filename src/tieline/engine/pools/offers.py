"""Headroom that came back, offered to those who wait in order of their work's date, then key (domain rule 21.6).

A pool that owes an offer is planned like a lane of its own, `pool:<name>`: leases, fence and wake-ups are those of lanes.
One that does not fit does not block a later one. A long offer goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from tieline.engine.pools.book import Book
from tieline.engine.pools.load import load_requests, waiting_keys
from tieline.engine.rows import Cursor

PAGE = 200
PAGES_MAX = 5  # requests looked at in one transaction: a thousand
_PREFIX = "pool:"


def lane_of_pool(pool: str) -> str:
    return _PREFIX + pool


def pools_to_offer(lanes: Iterable[str]) -> list[str]:
    return sorted(name.removeprefix(_PREFIX) for name in lanes if name.startswith(_PREFIX))


async def offer(cursor: Cursor, tenant: str, book: Book, name: str) -> None:
    """Go through those who wait for the pool until it has nothing left, or the transaction is long enough."""
    pool = book.pools[name]
    if not pool.owed:
        return
    mark = (pool.offered_on, pool.offered_key or "") if pool.offered_on is not None else None
    pool.owed = False
    for _ in range(PAGES_MAX):
        room = None if pool.total is None else pool.total - pool.granted
        if room is not None and room <= Decimal(0):
            return
        found = await waiting_keys(cursor, tenant, name, room, mark, PAGE)
        await load_requests(cursor, tenant, book, [key for _, key in found])
        for work_on, key in found:
            rows = book.requests[key]
            if not rows.keys() <= book.pools.keys():  # it asks a pool that was not known when the locks were taken
                pool.owed, (pool.offered_on, pool.offered_key) = True, mark or (None, None)
                return
            if book.grant(key):
                for row in rows.values():
                    row.news = True
                    book.woken.add(row.lane)
            mark = (work_on, key)
        if len(found) < PAGE:
            return
    pool.owed, (pool.offered_on, pool.offered_key) = True, mark or (None, None)

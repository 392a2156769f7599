"""The pools' part of planning: what the lanes' flows asked is settled under the pools' locks, and those lanes decide again.

Order of locks: lanes, then pools by name, once per transaction. What a lane asks only after that of a pool that is not
locked waits for its next planning, so two planners can never wait for each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import chain

from tieline.engine.lanes import lock_lanes, wake
from tieline.engine.planning.lane_plan import LanePlan, plan_lane
from tieline.engine.pools.book import ZERO, Book
from tieline.engine.pools.load import draw_view, open_book, pool_view, pools_of_waiting, used_before
from tieline.engine.pools.offers import lane_of_pool, offer, pools_to_offer
from tieline.engine.pools.store import close_answered, store_book
from tieline.engine.rows import Cursor
from tieline.ports.decisions import Draw, Limit, Return
from tieline.ports.flows import DrawView
from tieline.ports.landscape import TenantSetup

ROUNDS_MAX = 4


async def grant_draws(
    cursor: Cursor, setup: TenantSetup, plans: Sequence[LanePlan], now: datetime, *, dry: bool = False
) -> list[LanePlan]:
    """The plans as they are once every request is answered. `dry`: nothing is locked and nothing is stored."""
    current = {plan.state.name: plan for plan in plans}
    offers = pools_to_offer(current)
    if not offers and not any(_pending(plan) for plan in plans):
        await _close(cursor, setup, current, dry)
        return list(plans)
    if not dry:
        foreign = {i.wanted.lane for p in plans for i in p.apply} - current.keys()
        await lock_lanes(cursor, setup.tenant, foreign, create=True)  # lanes before pools, always
    book = await _open(cursor, setup.tenant, plans, offers, lock=not dry)
    for pool in offers:
        await offer(cursor, setup.tenant, book, pool)
    later = await _settle(cursor, setup, book, current, now)
    if not dry:
        await store_book(cursor, setup.tenant, book, {p.state.name: p.state.lane["correlation_id"] for p in plans})
        owed = {lane_of_pool(name) for name, pool in book.pools.items() if pool.owed}
        await wake(cursor, setup.tenant, owed | later | (book.woken - current.keys()))
    await _close(cursor, setup, current, dry)
    return list(current.values())


async def _open(cursor: Cursor, tenant: str, plans: Sequence[LanePlan], offers: Sequence[str], *, lock: bool) -> Book:
    """Every pool that these lanes speak of, and every pool that those who wait for an offer ask as well."""
    units = dict.fromkeys(chain(offers, await pools_of_waiting(cursor, tenant, offers) if offers else ()), "")
    keys: set[str] = set()
    for plan in plans:
        for draw in plan.decided.of(Draw):
            units |= dict.fromkeys(draw.pools, draw.unit)
            keys.add(draw.key)
        units |= {limit.pool: limit.unit for limit in plan.decided.of(Limit)}
        known = plan.state.draws.values()
        units |= {name: view.unit for view in known for name in view.pools}
        keys |= {one.key for one in plan.decided.of(Return)}
    return await open_book(cursor, tenant, units, keys, lock=lock)


async def _settle(
    cursor: Cursor, setup: TenantSetup, book: Book, current: dict[str, LanePlan], now: datetime
) -> set[str]:
    """Answer and decide again until nobody asks anything new. Returns lanes whose questions must wait for other locks."""
    later: set[str] = set()
    for _ in range(ROUNDS_MAX):
        asking = {name: plan for name, plan in current.items() if name not in later and _pending(plan)}
        if not asking:
            return later
        later |= {name for name, plan in asking.items() if not _answerable(book, plan)}
        answered = {name: plan for name, plan in asking.items() if name not in later}
        await _declare(cursor, setup.tenant, book, answered)
        _answer(book, answered)
        for name, plan in answered.items():
            _show(book, plan)
            current[name] = _again(setup, plan, now)
    return later | {name for name, plan in current.items() if _pending(plan)}


async def _declare(cursor: Cursor, tenant: str, book: Book, asking: dict[str, LanePlan]) -> None:
    for name, plan in asking.items():
        for limit in plan.decided.of(Limit):
            fresh = book.pools[limit.pool].declared_by is None
            book.declare(name, limit, await used_before(cursor, tenant, name, limit) if fresh else ZERO)


def _answer(book: Book, asking: dict[str, LanePlan]) -> None:
    for plan in asking.values():
        for back in plan.decided.of(Return):
            book.give_back(back.key)
    draws = [(draw, name) for name, plan in asking.items() for draw in _new_draws(plan)]
    for draw, name in sorted(draws, key=lambda pair: (pair[0].work_on, pair[0].key)):
        book.ask(name, draw)


def _answerable(book: Book, plan: LanePlan) -> bool:
    named = {name for draw in plan.decided.of(Draw) for name in draw.pools}
    named |= {limit.pool for limit in plan.decided.of(Limit)}
    keys = {draw.key for draw in _new_draws(plan)} | {back.key for back in plan.decided.of(Return)}
    tied = {pool for key in keys for pool in book.requests.get(key, {})}
    return (named | tied) <= book.pools.keys()


def _again(setup: TenantSetup, plan: LanePlan, now: datetime) -> LanePlan:
    """The lane's plan with the answers in sight. What was minted on the way there stays minted."""
    fresh = plan_lane(setup, plan.state, now)
    if not fresh.decided.error:
        fresh.decided.minted = [*plan.decided.minted, *fresh.decided.minted]
    return fresh


def _show(book: Book, plan: LanePlan) -> None:
    """The answers, as the lane's next snapshot shows them."""
    state = plan.state
    asked = {draw.key for draw in plan.decided.of(Draw)} | {back.key for back in plan.decided.of(Return)}
    for key in asked | state.draws.keys():
        if rows := [row for row in book.requests.get(key, {}).values() if row.open]:
            state.draws[key] = draw_view(rows)
        elif key in book.requests:
            state.draws.pop(key, None)
    seen = {name for draw in state.draws.values() for name in draw.pools} | {one.pool for one in plan.decided.of(Limit)}
    state.pools.update({name: pool_view(book.pools[name]) for name in seen if name in book.pools})


def _pending(plan: LanePlan) -> bool:
    state = plan.state
    if any(back.key in state.draws for back in plan.decided.of(Return)) or _new_draws(plan):
        return True
    return any(_is_new(plan, limit) for limit in plan.decided.of(Limit))


def _new_draws(plan: LanePlan) -> list[Draw]:
    """Requests that have no answer yet, or had it for another amount, day or set of pools. A waiting one is not asked again."""
    known = plan.state.draws
    return [
        draw
        for draw in plan.decided.of(Draw)
        if (view := known.get(draw.key)) is None
        or (view.wanted, view.work_on, view.unit, view.pools)
        != (draw.amount, draw.work_on, draw.unit, tuple(sorted(draw.pools)))
    ]


def _is_new(plan: LanePlan, limit: Limit) -> bool:
    known = plan.state.pools.get(limit.pool)
    if known is None or known.declared_by is None:
        return True
    said = (limit.unit, limit.total, limit.period, limit.per_period)
    return limit.basis >= known.basis and said != (known.unit, known.total, known.period, known.per_period)


def _said(plan: LanePlan) -> set[str]:
    return {draw.key for draw in plan.decided.of(Draw)}


def _was_looked_at(plan: LanePlan, view: DrawView) -> bool:
    """Silence says something only where the flow has spoken."""
    return not plan.state.due.parts or view.part in plan.state.due.parts


async def _close(cursor: Cursor, setup: TenantSetup, current: dict[str, LanePlan], dry: bool) -> None:
    """Requests that were met and that their flow does not mention any more have done their work."""
    done = [
        key
        for plan in current.values()
        if not plan.decided.error
        for key, view in plan.state.draws.items()
        if view.granted >= view.wanted and _was_looked_at(plan, view) and key not in _said(plan)
    ]
    if done and not dry:
        await close_answered(cursor, setup.tenant, done)

"""The locked pools of one transaction and the rules of granting. Pure: rows come in, rows and movements go out.

A grant is a movement, numbered within its pool and never changed; what comes back is a movement with the other sign. Every
figure here is the sum of its movements, and no rule scans them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from tieline.kit.money import minor_units, round_half_away
from tieline.ports.decisions import Draw, Limit

ZERO = Decimal(0)
OPENING = "opening"  # the key of what was used before the pool was known


@dataclass(slots=True, kw_only=True)
class Pool:
    pool: str
    unit: str
    declared_by: str | None = None
    total: Decimal | None = None
    period: str | None = None
    per_period: Decimal | None = None
    basis: int = 0
    granted: Decimal = ZERO
    owed: bool = False
    offered_on: date | None = None
    offered_key: str | None = None
    numbered: int = 0
    waited_for: bool = False  # somebody's request is not granted in full

    def period_of(self, work_on: date) -> date | None:
        return {"day": work_on, "month": work_on.replace(day=1)}.get(self.period or "")


@dataclass(slots=True, kw_only=True)
class Request:
    """One request at one of its pools."""

    pool: str
    draw_key: str
    lane: str
    unit: str
    wanted: Decimal
    work_on: date
    granted: Decimal = ZERO
    step: Decimal | None = None
    part: str | None = None
    news: bool = False
    open: bool = True
    counted: int = 0

    @property
    def waits(self) -> bool:
        return self.granted < self.wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Minted:
    """One movement of a pool."""

    pool: str
    number: int
    draw_key: str
    counted: int
    lane: str
    amount: Decimal
    unit: str
    work_on: date | None


@dataclass(slots=True)
class Book:
    """Pools, period figures and requests whose rows are locked, and what was minted on them."""

    pools: dict[str, Pool] = field(default_factory=dict)
    periods: dict[tuple[str, date], Decimal] = field(default_factory=dict)
    requests: dict[str, dict[str, Request]] = field(default_factory=dict)  # key -> pool -> request
    minted: list[Minted] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)  # keys of requests that changed
    woken: set[str] = field(default_factory=set)

    def declare(self, lane: str, limit: Limit, used: Decimal = ZERO) -> None:
        """A raised limit owes its headroom to those who wait; a lowered one takes nothing back (M3).

        `used`: what counts against a pool that was not known before.
        """
        pool = self.pools[limit.pool]
        if pool.declared_by is not None and limit.basis < pool.basis:
            return
        fresh, before = pool.declared_by is None, (pool.total, pool.per_period)
        pool.declared_by, pool.unit, pool.total = lane, limit.unit, limit.total
        pool.period, pool.per_period, pool.basis = limit.period, limit.per_period, limit.basis
        if fresh and used > ZERO:
            self._mint(pool, OPENING, 1, lane, used, None)
        if fresh or before != (pool.total, pool.per_period):
            owe(pool)

    def ask(self, lane: str, draw: Draw) -> None:
        """Enter the request or change it, then grant what it may have now."""
        rows = self.requests.setdefault(draw.key, {})
        for name in draw.pools:
            row = rows.setdefault(
                name,
                Request(
                    pool=name, draw_key=draw.key, lane=lane, unit=draw.unit, wanted=draw.amount, work_on=draw.work_on
                ),
            )
            row.unit, row.step, row.part, row.open = draw.unit, draw.step, draw.part, True
            if row.work_on != draw.work_on:
                self._take(row, row.granted)  # another day is another place in the order, and another period
                row.work_on = draw.work_on
            self._take(row, max(ZERO, row.granted - draw.amount))
            row.wanted = draw.amount
        for name in rows.keys() - set(draw.pools):
            self._withdraw(rows[name])
        self._level(rows[name] for name in draw.pools)
        self.touched.add(draw.key)
        self.grant(draw.key)
        if rows[draw.pools[0]].waits:
            for pool in (self.pools[name] for name in draw.pools):
                pool.waited_for = True
                if pool.owed:
                    owe(pool)  # a long offer may have passed its place already

    def give_back(self, key: str) -> None:
        for row in self.requests.get(key, {}).values():
            self._withdraw(row)
        self.touched.add(key)

    def grant(self, key: str) -> bool:
        """Mint what the request may have from all its pools together; False when that is nothing."""
        rows = [row for row in self.requests[key].values() if row.open]
        if not rows or not rows[0].waits or any(self._queues(row) for row in rows):
            return False
        part = self._part(rows)
        if part <= ZERO:
            return False
        for row in rows:
            row.granted += part
            self._count(row, part)
        self.touched.add(key)
        return True

    def headroom(self, name: str, work_on: date, unit: str) -> Decimal | None:
        """What the pool could still give for work of that day; None when it has no limit."""
        pool = self.pools[name]
        if pool.declared_by is None or pool.unit != unit:
            return ZERO
        left = [pool.total - pool.granted] if pool.total is not None else []
        starts_on = pool.period_of(work_on)
        if pool.per_period is not None and starts_on is not None:
            left.append(pool.per_period - self.periods.get((name, starts_on), ZERO))
        return min(left, default=None)

    def _part(self, rows: Sequence[Request]) -> Decimal:
        one = rows[0]
        rest = one.wanted - one.granted
        known = [self.headroom(row.pool, row.work_on, row.unit) for row in rows]
        limits = [room for room in known if room is not None]
        if all(rest <= room for room in limits):
            return rest
        if one.step is None:
            return ZERO
        whole = max(ZERO, min(limits)) // one.step * one.step
        return round_half_away(whole, minor_units(one.unit)) if len(one.unit) == 3 else whole

    def _queues(self, row: Request) -> bool:
        """Headroom that is owed is offered in order first, so a new request waits for that offer too."""
        return self.pools[row.pool].owed

    def _level(self, rows: Iterable[Request]) -> None:
        """A pool that joins a request late starts with what all of them have granted: the least."""
        some = list(rows)
        least = min(row.granted for row in some)
        for row in some:
            self._take(row, row.granted - least)

    def _withdraw(self, row: Request) -> None:
        self._take(row, row.granted)
        row.wanted, row.open = ZERO, False

    def _take(self, row: Request, amount: Decimal) -> None:
        if amount > ZERO:
            row.granted -= amount
            self._count(row, -amount)
            pool = self.pools[row.pool]
            owe(pool)
            if pool.declared_by is not None:
                self.woken.add(pool.declared_by)  # it may have been overdrawn and is not any more

    def _count(self, row: Request, amount: Decimal) -> None:
        row.counted += 1
        self._mint(self.pools[row.pool], row.draw_key, row.counted, row.lane, amount, row.work_on)

    def _mint(self, pool: Pool, key: str, counted: int, lane: str, amount: Decimal, work_on: date | None) -> None:
        pool.numbered += 1
        pool.granted += amount
        starts_on = pool.period_of(work_on) if work_on is not None else None
        if starts_on is not None:
            place = (pool.pool, starts_on)
            self.periods[place] = self.periods.get(place, ZERO) + amount
        self.minted.append(
            Minted(
                pool=pool.pool, number=pool.numbered, draw_key=key, counted=counted, lane=lane, amount=amount,
                unit=pool.unit, work_on=work_on,
            )
        )  # fmt: skip


def owe(pool: Pool) -> None:
    """To those who wait, from the beginning: the earliest work is asked first."""
    if pool.waited_for:
        pool.owed, pool.offered_on, pool.offered_key = True, None, None

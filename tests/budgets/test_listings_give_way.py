"""Listings and polls take turns with the pushes to the same system: they get their part, and nobody critical waits for them."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tieline.engine.budgets import asking
from tieline.engine.budgets.asking import Asking, InTurn, NoTurn
from tieline.engine.budgets.budgets import Budgets
from tieline.engine.budgets.criticality import Criticality
from tieline.engine.budgets.learned import Learned
from tieline.engine.verdict import OK
from tieline.kit.errors import Throttled, Unavailable
from tieline.ports.limits import Allowance, Limits
from tieline.ports.systems import ListOrder

KEY = ("acme", "erp")


class Ledger:
    """A system whose listings end when the test says so."""

    name, concurrency, listed_kinds, page_documents = "erp", 8, ("client",), {"client": 1000}

    def __init__(self) -> None:
        self.open = asyncio.Semaphore(0)
        self.began = 0
        self.error: Exception | None = None

    async def list_documents(self, kind: str, order: ListOrder) -> str:
        self.began += 1
        await self.open.acquire()
        if self.error is not None:
            raise self.error
        return "page"


def budgets_of(ledger: Ledger, slots: int) -> Budgets:
    """With all slots leased and nothing left to learn."""
    allowance = Allowance(budget="erp", limits=Limits(concurrency=slots))
    setup: Any = SimpleNamespace(weight=1, systems={"erp": ledger}, allowances={"erp": allowance})
    budgets = Budgets("w", {"acme": setup})
    gate = budgets.gate(KEY)
    gate.granted(slots, slots, None, 1.0, budgets.clock() + 3600, budgets.clock())
    gate.learned = Learned(at_once=float(slots), ceiling=slots)
    return budgets


def list_pages(ledger: Ledger, budgets: Budgets, count: int) -> list[asyncio.Task[Any]]:
    system = cast(Any, InTurn(ledger, Asking(budgets, KEY, Criticality.CENSUS)))
    return [asyncio.create_task(system.list_documents("client", ListOrder())) for _ in range(count)]


async def _settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_listings_hold_half_of_the_slots_at_most_and_a_release_starts_at_once() -> None:
    ledger = Ledger()
    budgets = budgets_of(ledger, 8)
    pages = list_pages(ledger, budgets, 30)
    await _settle()
    assert ledger.began == 4
    turns = [await asyncio.wait_for(budgets.enter(KEY, Criticality.RELEASE), 0.5) for _ in range(4)]
    assert all(turns)
    ledger.open.release()
    await _settle()
    assert ledger.began == 5  # the place of the page that came, and no other
    for _ in range(30):
        ledger.open.release()
    assert await asyncio.gather(*pages) == ["page"] * 30


async def test_with_one_slot_releases_go_first_and_the_census_still_gets_its_part() -> None:
    ledger = Ledger()
    budgets = budgets_of(ledger, 1)
    for _ in range(200):
        ledger.open.release()
    order: list[str] = []

    async def release() -> None:
        if (turn := await budgets.enter(KEY, Criticality.RELEASE)) is not None:
            await asyncio.sleep(0)
            order.append("release")
            budgets.leave(turn, OK)

    first = await budgets.enter(KEY, Criticality.RELEASE)
    assert first is not None
    releases = [asyncio.create_task(release()) for _ in range(99)]
    pages = list_pages(ledger, budgets, 40)
    for page in pages:
        page.add_done_callback(lambda _: order.append("page"))
    await _settle()
    budgets.leave(first, OK)
    await asyncio.gather(*releases, *pages)
    while_both_wait = order[: len(order) - order[::-1].index("release")]
    assert 2 <= while_both_wait.count("page") <= 99 / 32 + 2  # a listing for every 32 releases, from the first on
    assert "page" in while_both_wait[:40]


async def test_what_a_listing_hears_of_the_vendor_is_heard_by_the_pushes() -> None:
    ledger = Ledger()
    budgets = budgets_of(ledger, 8)
    ledger.error = Throttled("too many", retry_after_s=60)
    (page,) = list_pages(ledger, budgets, 1)
    ledger.open.release()
    with pytest.raises(Throttled):
        await page
    assert budgets.gate(KEY).silent(budgets.clock())


async def test_a_system_that_is_down_is_not_asked_for_its_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger()
    budgets = budgets_of(ledger, 8)
    ledger.error = Unavailable("down")
    for _ in range(5):
        ledger.open.release()
        (page,) = list_pages(ledger, budgets, 1)
        with pytest.raises(Unavailable):
            await page
    with pytest.raises(NoTurn):
        await list_pages(ledger, budgets, 1)[0]
    assert ledger.began == 5


async def test_a_turn_that_does_not_come_is_given_up_and_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "WAIT_S", 0.02)
    ledger = Ledger()
    budgets = budgets_of(ledger, 1)
    turn = await budgets.enter(KEY, Criticality.RELEASE)
    assert turn is not None
    with pytest.raises(NoTurn):
        await list_pages(ledger, budgets, 1)[0]
    budgets.leave(turn, OK)
    assert await budgets.enter(KEY, Criticality.STATE) is not None
    assert ledger.began == 0

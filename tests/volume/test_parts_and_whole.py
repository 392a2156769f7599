"""A4, C4: planning day by day comes to what planning everything at once comes to, in any order and any cut."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from deep_desk import DeepDesk, deep

from database import Database
from flows.world import amendment, client, contract, entry, line, request

LINES = (line("L1", "200"), line("L2", "150"))


def days(dice: random.Random) -> list[list[Any]]:
    """Hours of people and days, each day with whatever can be wrong within it."""
    made = []
    for n in range(14):
        who, day = f"p{n % 3}", f"2026-03-{2 + n:02d}"
        first = entry(
            f"te_{n}_a", day, str(dice.choice([1, 4, 7.5])), resource_id=who, line_id=dice.choice(["L1", "L2"])
        )
        day_entries = [first]
        if n % 4 == 1:  # the same twice: the earlier approval is charged
            day_entries.append(replace(first, id=f"te_{n}_b", approved_at=first.approved_at + timedelta(hours=1)))
        if n % 4 == 2:  # more than a day has
            day_entries.append(entry(f"te_{n}_c", day, "20", resource_id=who, narrative="long"))
        if n % 5 == 3:  # approved by whoever did it
            day_entries.append(entry(f"te_{n}_d", day, "1", resource_id=who, approved_by=who, narrative="own"))
        made.append(day_entries)
    made.append([entry("te_before", "2025-12-30", "2", resource_id="p9")])
    made.append([entry("te_later", "2026-04-20", "2", resource_id="p9")])
    return made


async def told(d: DeepDesk, dice: random.Random) -> None:
    """Contract, client and days, in any order, planned in between whenever the dice say so."""
    facts: list[list[Any]] = [[contract(*LINES)], [client()], *days(dice)]
    dice.shuffle(facts)
    for batch in facts:
        await d.say(*batch)
        if dice.random() < 0.4:
            await d.d.plan()
    await d.d.settle()


@pytest.mark.parametrize("seed", range(5))
async def test_A4_C4_days_in_any_order_and_any_cut_come_to_the_same_as_all_at_once(
    database: Database, seed: int
) -> None:
    dice = random.Random(seed)
    async with deep(database, chunk=dice.choice([1, 2, 5, 500])) as d:
        await told(d, dice)
        assert await d.outcome() == d.expected()
        await d.say(
            amendment(1, "230", "2026-03-08")
        )  # retroactive: it reprices what stands, and what is still to come
        await d.d.settle()
        assert await d.outcome() == d.expected()
        await d.say(entry("te_4_a", "2026-03-06", "3"), entry("te_new", "2026-03-12", "2", resource_id="p9"))
        await d.d.settle()
        assert await d.outcome() == d.expected()


async def test_A4_C4_an_invoice_bills_what_is_open_and_the_next_one_what_came_since(database: Database) -> None:
    async with deep(database, chunk=2) as d:
        await d.say(contract(*LINES), client())
        for n in range(6):
            await d.say(entry(f"te_{n}", f"2026-03-{2 + n:02d}", "4"))
        await d.say(request("rq_1", "2026-03-05"))
        await d.d.settle()
        assert await d.outcome() == d.expected()
        await d.release()
        await d.d.settle()
        assert await d.outcome() == d.expected()
        await d.say(entry("te_late", "2026-03-03", "2", narrative="forgotten"), request("rq_2"))
        await d.d.settle()
        assert await d.outcome() == d.expected()
        assert len(await d.minted("invoice")) == 2


async def test_a_blocked_hour_keeps_its_hold_while_other_days_are_planned(database: Database) -> None:
    """What is not looked at is not taken back: neither a document nor a hold."""
    async with deep(database) as d:
        await d.say(contract(*LINES), client(), entry("te_bad", "2026-03-02", "30"))
        await d.d.settle()
        before = await d.d.rows("select hold_id from holds where code = 'HOURS_RANGE' and lifted_at is null")
        await d.say(entry("te_good", "2026-03-03", "8"))
        await d.d.settle()
        assert await d.d.rows("select hold_id from holds where code = 'HOURS_RANGE' and lifted_at is null") == before
        await d.say(entry("te_bad", "2026-03-02", "3"))
        await d.d.settle()
        assert await d.d.open_holds() == []
        assert len(await d.charges()) == 2


async def test_D6_hours_of_a_coming_day_are_charged_when_that_day_has_come(database: Database) -> None:
    async with deep(database) as d:
        await d.say(contract(*LINES), client(), entry("te_1", "2026-04-03", "8"), entry("te_2", "2026-04-05", "8"))
        await d.d.settle()
        assert await d.d.open_holds() == ["FUTURE_DATE", "FUTURE_DATE"]
        for day, charged in ((3, 1), (5, 2)):
            d.hour.now = d.hour.now.replace(day=day, hour=12)
            await d.d.settle()
            assert len(await d.charges()) == charged
        assert await d.d.open_holds() == []


async def test_an_hour_that_moves_to_another_day_frees_its_copy_there(database: Database) -> None:
    async with deep(database) as d:
        first = entry("te_1", "2026-03-02", "8", narrative="same")
        copy = replace(
            entry("te_2", "2026-03-02", "8", narrative="same"), approved_at=first.approved_at + timedelta(hours=1)
        )
        await d.say(contract(*LINES), client(), first, copy)
        await d.d.settle()
        assert await d.outcome() == d.expected()
        assert await d.d.open_holds() == ["DUPLICATE"]
        await d.say(replace(first, work_date=first.work_date + timedelta(days=1)))
        await d.d.settle()
        assert await d.outcome() == d.expected()
        assert await d.d.open_holds() == ["ALREADY_CHARGED"]


async def test_an_approved_retro_difference_stays_dealt_with_when_the_day_is_planned_again(database: Database) -> None:
    async with deep(database) as d:
        await d.say(contract(*LINES), client(), entry("te_1", "2026-03-10", "8"))
        await d.d.settle()
        await d.say(amendment(1, "230", "2026-03-08"))
        await d.d.settle()
        assert await d.d.open_holds() == ["RETRO_DELTA"]
        await d.release()
        await d.d.settle()
        await d.say(entry("te_2", "2026-03-10", "1", narrative="beside it"))
        await d.d.settle()
        assert await d.d.open_holds() == []


async def test_hours_of_a_withdrawn_invoice_are_billed_by_the_next_one(database: Database) -> None:
    """The ERP shows a cent more: its draft is taken back, and its charges are free again."""

    def a_cent_more(doc: Any) -> Any:
        wrong = {"amount": "1904.01", "currency": "EUR"}
        return {**doc, "total": wrong} if "lines" in doc and d.erp.show is a_cent_more else doc

    async with deep(database) as d:
        await d.say(contract(*LINES), client(), entry("te_1", "2026-03-10", "8"), request("rq_1"))
        await d.d.settle()
        d.erp.show = a_cent_more
        await d.release()
        for _ in range(8):
            await d.d.settle()
        assert await d.d.open_holds() == ["INVOICE_DIFFERS"]
        d.erp.show = lambda doc: doc
        await d.say(request("rq_2"))
        await d.d.settle()
        await d.release()
        await d.d.settle()
        assert len(await d.minted("invoice")) == 2
        assert await d.d.open_holds() == []

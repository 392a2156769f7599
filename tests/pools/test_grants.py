"""What several lanes share is granted once, never beyond its limit, and what comes back goes to the earliest work first."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from drawing import Items, assert_ledger, balances, draw, drawing_flow, granted
from stepping import desk

from database import Database


async def test_M3_two_lanes_never_get_more_from_a_purchase_order_than_it_has(database: Database) -> None:
    async with desk(database, drawing_flow) as d:
        items = Items(d)
        await items.say_and_plan("order", limits={"po": "100"})
        await items.say("a", draws={"a1": draw("70")})
        await items.say("b", draws={"b1": draw("70")})
        await d.plan()
        assert await granted(d) == {"a1": 70, "b1": 0}
        assert await balances(d) == {"po": 70}
        assert await d.open_holds() == ["CAP"]
        await assert_ledger(d)


async def test_a_grant_is_minted_once_however_often_its_lane_is_planned(database: Database) -> None:
    async with desk(database, drawing_flow) as d:
        items = Items(d)
        await items.say_and_plan("order", limits={"po": "100"})
        await items.say_and_plan("a", draws={"a1": draw("60")})
        for _ in range(3):
            await d.plan("item:a", "item:order")
        await items.say_and_plan("a", draws={"a1": draw("60")}, note="again")
        assert [(r["number"], r["amount"]) for r in await d.rows("select number, amount from pool_movements")] == [
            (1, 60)
        ]


async def test_a_step_takes_what_is_left_and_waits_for_the_rest_EX_4_4(database: Database) -> None:
    async with desk(database, drawing_flow) as d:
        items = Items(d)
        await items.say_and_plan("order", limits={"po": "50000"}, opening="47500")
        await items.say_and_plan("a", draws={"held": draw("3200"), "split": draw("3200", step="2.00")})
        assert await granted(d) == {"held": 0, "split": 2500}
        await items.say_and_plan("order", limits={"po": "50700"})
        assert await granted(d) == {"held": 0, "split": 3200}
        await assert_ledger(d)


async def test_EX_4_5_what_comes_back_lets_the_held_work_pass_in_full(database: Database) -> None:
    async with desk(database, drawing_flow) as d:
        items = Items(d)
        await items.say_and_plan("order", limits={"po": "50000"}, opening="46500")
        await items.say_and_plan("a", draws={"credited": draw("1000"), "held": draw("3200", "2026-03-09")})
        assert await granted(d) == {"credited": 1000, "held": 0}
        await items.say_and_plan("a", draws={"held": draw("3200", "2026-03-09")})
        assert await granted(d) == {"credited": 1000, "held": 0}, "silence gives nothing back"
        await d.rows("update pool_draws set open = true where draw_key = 'credited' returning 1")
        await items.say_and_plan("a", draws={"held": draw("3200", "2026-03-09")}, returns=["credited"])
        assert await granted(d) == {"credited": 0, "held": 3200}
        assert await balances(d) == {"po": Decimal("49700")}
        await assert_ledger(d)


@pytest.mark.parametrize("order", [("c", "b", "a"), ("b", "a", "c"), ("a", "c", "b")])
async def test_C4_raised_headroom_goes_to_the_earliest_work_whatever_came_first(
    database: Database, order: tuple[str, ...]
) -> None:
    days = {"a": "2026-03-09", "b": "2026-03-02", "c": "2026-03-09"}
    async with desk(database, drawing_flow) as d:
        items = Items(d)
        await items.say_and_plan("order", limits={"po": "10"})
        for name in order:
            await items.say_and_plan(name, draws={f"{name}1": draw("50", days[name])})
        assert set((await granted(d)).values()) == {Decimal(0)}
        await items.say("z", draws={"z1": draw("50", "2026-03-20")})  # asks in the transaction that raises the limit
        await items.say_and_plan("order", limits={"po": "110"})
        assert await granted(d) == {"a1": 50, "b1": 50, "c1": 0, "z1": 0}, "the day of work decides, then the key"
        await items.say_and_plan("order", limits={"po": "160"})
        assert await granted(d) == {"a1": 50, "b1": 50, "c1": 50, "z1": 0}
        await assert_ledger(d)


async def test_what_does_not_fit_does_not_block_what_does(database: Database) -> None:
    async with desk(database, drawing_flow) as d:
        items = Items(d)
        await items.say_and_plan("order", limits={"po": "10"})
        await items.say_and_plan("a", draws={"big": draw("500"), "small": draw("40", "2026-03-09")})
        await items.say_and_plan("order", limits={"po": "60"})
        assert await granted(d) == {"big": 0, "small": 40}


async def test_M3_a_limit_lowered_below_what_was_granted_takes_nothing_back(database: Database) -> None:
    async with desk(database, drawing_flow) as d:
        items = Items(d)
        await items.say_and_plan("order", limits={"po": "100"})
        await items.say_and_plan("a", draws={"a1": draw("90")})
        await items.say_and_plan("order", limits={"po": "50"})
        await items.say_and_plan("b", draws={"b1": draw("1")})
        assert await granted(d) == {"a1": 90, "b1": 0}
        assert await balances(d) == {"po": 90}
        assert len(await d.rows("select 1 from pool_movements")) == 1


async def test_every_level_must_pass_and_none_is_used_up_by_what_another_refuses(database: Database) -> None:
    async with desk(database, drawing_flow) as d:
        items = Items(d)
        await items.say_and_plan("order", limits={"cap": "100", "po": "30"})
        await items.say_and_plan("a", draws={"both": draw("50", "2026-03-02", "po", "cap")})
        assert await balances(d) == {"cap": 0, "po": 0}
        await items.say_and_plan("b", draws={"one": draw("100", "2026-03-02", "cap")})
        await items.say_and_plan("order", limits={"cap": "100", "po": "50"})
        assert await granted(d) == {"both": 0, "one": 100}
        await items.say_and_plan("order", limits={"cap": "150", "po": "50"})
        assert await granted(d) == {"both": 50, "one": 100}
        await assert_ledger(d)


async def test_a_day_has_its_own_limit_inside_the_whole(database: Database) -> None:
    async with desk(database, drawing_flow) as d:
        items = Items(d)
        await items.say_and_plan("order", limits={"po": "1000"}, period="day", per_period="24")
        await items.say_and_plan("a", draws={"x": draw("20"), "y": draw("10"), "z": draw("10", "2026-03-03")})
        assert await granted(d) == {"x": 20, "y": 0, "z": 10}


async def test_nothing_is_granted_before_the_limit_is_known(database: Database) -> None:
    async with desk(database, drawing_flow) as d:
        items = Items(d)
        await items.say_and_plan("a", draws={"a1": draw("10")})
        assert await granted(d) == {"a1": 0}
        await items.say_and_plan("order", limits={"po": "100"})
        assert await granted(d) == {"a1": 10}
        assert [r["record_id"] for r in await d.rows("select record_id from records where kind = 'made'")] == ["a1"]
        assert await d.open_holds() == []


async def test_less_asked_gives_the_rest_back_to_those_who_wait(database: Database) -> None:
    async with desk(database, drawing_flow) as d:
        items = Items(d)
        await items.say_and_plan("order", limits={"cap": "100", "po": "100"})
        await items.say_and_plan("a", draws={"a1": draw("101", "2026-03-02", step="1"), "b1": draw("30", "2026-03-03")})
        assert await granted(d) == {"a1": 100, "b1": 0}
        await items.say_and_plan("a", draws={"a1": draw("70"), "b1": draw("30", "2026-03-03")})
        assert await granted(d) == {"a1": 70, "b1": 30}
        await assert_ledger(d)


async def test_planners_that_draw_from_the_same_pools_at_once_never_wait_for_each_other(database: Database) -> None:
    """Eight lanes and their pools in every order, two planners at the same time: no deadlock is seen, no cent too much."""
    async with desk(database, drawing_flow) as d:
        items = Items(d)
        await items.say_and_plan("order", limits={"p1": "100", "p2": "100", "p3": "100"})
        names = ["a", "b", "c", "d", "e", "f", "g", "h"]
        for n, name in enumerate(names):
            pools = [f"p{1 + (n + k) % 3}" for k in range(3)]
            draws = {f"{name}{k}": draw("9", f"2026-03-0{1 + k}", *pools) for k in range(3)}
            await items.say(name, draws=draws)
        for _ in range(3):
            await asyncio.gather(
                *(d.plan(f"item:{one}", f"item:{two}") for one, two in zip(names[:4], names[4:], strict=True))
            )
        await d.plan()
        assert await balances(d) == {"p1": 99, "p2": 99, "p3": 99}
        await assert_ledger(d)


async def test_looking_ahead_shows_what_would_be_granted_and_grants_nothing(database: Database) -> None:
    async with desk(database, drawing_flow) as d:
        items = Items(d)
        await items.say_and_plan("order", limits={"po": "100"})
        await items.say("a", draws={"a1": draw("60"), "a2": draw("60", "2026-03-05")})
        found = await d.commands.preview("acme", "item:a")
        assert [(h["subject"], h["evidence"]) for h in found.holds] == [("a2", {"granted": "0"})]
        assert await d.rows("select 1 from pool_draws") == []

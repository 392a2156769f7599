"""A contract's cap and a shared purchase order in the story from hours to cash (domain rules 4.2 and 11)."""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal

import pytest
from drawing import assert_ledger
from firm_desk import Firm, firm

from database import Database


async def test_EX_4_4_work_beyond_the_cap_is_held_with_what_is_left(database: Database) -> None:
    async with firm(database) as f:
        await f.contract("con_1", "50000")
        for n, hours in enumerate(["24"] * 9 + ["21.5"]):  # 237.5 h at 200 are 47,500.00
            await f.worked("con_1", f"before_{n}", hours)
        await f.d.settle()
        await f.worked("con_1", "new", "16")
        await f.d.settle()
        holds = await f.d.rows("select code, subject, amount, sentence, evidence from holds where lifted_at is null")
        assert [(h["code"], h["subject"], h["amount"]) for h in holds] == [("NTE_EXCEEDED", "time_entry:new", 3200)]
        assert "EUR 2,500.00 left" in holds[0]["sentence"]
        assert holds[0]["evidence"]["missing"] == "700.00"
        assert await f.figures("con_1") == {"charged": 47500, "invoiced": 0, "excess": 3200}


async def test_EX_4_0a_a_signed_amendment_raises_the_cap_and_the_held_work_goes_on(database: Database) -> None:
    async with firm(database) as f:
        await f.contract("con_1", "1000")
        await f.worked("con_1", "a", "4")
        await f.d.settle()
        await f.worked("con_1", "late", "8", "2026-03-09")
        await f.worked("con_1", "early", "8", "2026-03-03")
        await f.d.settle()
        assert await f.figures("con_1") == {"charged": 800, "invoiced": 0, "excess": 3200}
        await f.amend("con_1", 1, "2500")
        await f.d.settle()
        charged = await f.d.rows("select doc ->> 'time_entry_id' as e from records where kind = 'charge' order by 1")
        assert [row["e"] for row in charged] == ["a", "early"], "the earlier work is offered the headroom first"
        assert (await f.pools())["contract_cap:con_1"] == (2400, 2500)


async def test_two_contracts_share_a_purchase_order_and_never_overrun_it(database: Database) -> None:
    async with firm(database) as f:
        await f.order("2000")
        for name in ("con_1", "con_2"):
            await f.contract(name, None, purchase_order_id="po_1")
        await f.worked("con_1", "a", "8")
        await f.worked("con_2", "b", "8", "2026-03-03")
        await f.d.settle()
        codes = await f.d.rows("select lane, code, evidence from holds where lifted_at is null")
        assert [(h["lane"], h["code"], h["evidence"]["missing"]) for h in codes] == [
            ("contract:con_2", "PO_INSUFFICIENT", "1200.00")
        ]
        await f.order("3200")
        await f.d.settle()
        assert await f.d.open_holds() == []
        assert (await f.pools())["purchase_order:po_1"] == (3200, 3200)


async def test_EX_4_5c_work_after_the_end_of_the_order_waits_whatever_is_left(database: Database) -> None:
    async with firm(database) as f:
        from datetime import date

        await f.order("20000", expires_on=date(2026, 3, 10))
        await f.contract("con_1", None, purchase_order_id="po_1")
        await f.worked("con_1", "june", "8", "2026-03-09")
        await f.worked("con_1", "july", "8", "2026-03-10")
        await f.d.settle()
        assert await f.d.open_holds() == ["PO_EXPIRED"]
        assert (await f.figures("con_1"))["charged"] == 1600
        await f.order("20000", expires_on=date(2026, 3, 11))
        await f.d.settle()
        assert await f.d.open_holds() == []


async def test_hours_on_an_order_that_nobody_handed_in_wait_for_it(database: Database) -> None:
    async with firm(database) as f:
        await f.contract("con_1", None, purchase_order_id="po_1")
        await f.worked("con_1", "a", "8")
        await f.d.settle()
        assert await f.d.open_holds() == ["PO_MISSING"]
        await f.order("20000")
        await f.d.settle()
        assert await f.d.open_holds() == []
        assert (await f.figures("con_1"))["charged"] == 1600


async def test_M3_a_cap_lowered_between_preparing_and_release_stops_the_release_and_edits_nothing(
    database: Database,
) -> None:
    async with firm(database) as f:
        await f.contract("con_1", "5000")
        await f.worked("con_1", "a", "20")
        await f.ask_invoice("con_1", "rq_1")
        await f.d.settle()
        await f.amend("con_1", 1, "3000")
        await f.release_all()
        await f.d.settle()
        assert await f.posted() == 0
        assert await f.d.open_holds() == ["CAP_BELOW_BILLED", "NTE_EXCEEDED"]
        await f.amend("con_1", 2, "4000")
        await f.d.settle()
        assert await f.posted() == 4000
        assert await f.d.open_holds() == []
        await f.amend("con_1", 3, "3500")
        await f.d.settle()
        assert await f.d.open_holds() == ["CAP_BELOW_BILLED", "CAP_BELOW_BILLED"], "committed and billed, to a person"
        assert (await f.pools())["contract_cap:con_1:billed"] == (4000, 3500)


async def test_a_withdrawn_entry_gives_up_its_place(database: Database) -> None:
    async with firm(database) as f:
        await f.contract("con_1", "1000")
        await f.worked("con_1", "a", "4")
        await f.d.settle()
        await f.worked("con_1", "b", "8")
        await f.d.settle()
        await f.worked("con_1", "b", "8", state="rejected")
        await f.worked("con_1", "c", "1", "2026-03-20")
        await f.d.settle()
        await f.amend("con_1", 1, "2700")
        await f.d.settle()
        assert (await f.pools())["contract_cap:con_1"] == (1000, 2700)
        assert await f.d.open_holds() == []


async def test_a_cap_that_comes_after_the_charges_counts_them(database: Database) -> None:
    async with firm(database) as f:
        await f.contract("con_1", None)
        await f.worked("con_1", "a", "20")
        await f.ask_invoice("con_1", "rq_1")
        await f.d.settle()
        await f.release_all()
        await f.d.settle()
        assert await f.posted() == 4000
        await f.contract("con_1", "5000")
        await f.d.settle()
        assert await f.pools() == {"contract_cap:con_1": (4000, 5000), "contract_cap:con_1:billed": (4000, 5000)}
        await f.worked("con_1", "b", "8")
        await f.d.settle()
        assert await f.d.open_holds() == ["NTE_EXCEEDED"]


@pytest.mark.parametrize("seed", range(6))
async def test_M2_M3_whatever_amendment_approval_and_release_race_to(database: Database, seed: int) -> None:
    """No billed figure ever grows beyond the limit known then; at rest every approved hour is in exactly one place."""
    dice = random.Random(seed)
    async with firm(database) as f:
        await f.order("4000")
        for name in ("con_1", "con_2"):
            await f.contract(name, "3000", purchase_order_id="po_1")
        numbers, worked = {"con_1": 0, "con_2": 0}, {"con_1": Decimal(0), "con_2": Decimal(0)}
        for step in range(30):
            before = await f.pools()
            await _one_step(f, dice, step, numbers, worked)
            _assert_within(before, await f.pools())
        await f.order("90000")
        await f.d.settle()
        await f.release_all()
        await f.d.settle()
        await assert_ledger(f.d)
        pools = await f.pools()
        for name in worked:
            seen = await f.figures(name)
            assert seen["charged"] + seen["excess"] == worked[name] * 200
            assert pools.get(f"contract_cap:{name}", (Decimal(0), None))[0] == seen["charged"]
        assert pools["purchase_order:po_1:billed"][0] == await f.posted()


async def _one_step(
    f: Firm, dice: random.Random, step: int, numbers: dict[str, int], worked: dict[str, Decimal]
) -> None:
    name = dice.choice(["con_1", "con_2"])
    match dice.choice(["work", "work", "work", "amend", "order", "invoice", "release", "settle", "both"]):
        case "work":
            hours = Decimal(dice.randint(1, 12))
            worked[name] += hours
            await f.worked(name, f"te_{step}", str(hours), f"2026-03-{dice.randint(1, 28):02d}")
        case "amend":
            numbers[name] += 1
            await f.amend(name, numbers[name], str(dice.choice([1000, 2000, 4000, 6000, 9000])))
        case "order":
            await f.order(str(dice.choice([2000, 4000, 8000, 12000])))
        case "invoice":
            await f.ask_invoice(name, f"rq_{step}")
        case "release":
            await f.release_all()
        case "settle":
            await f.d.settle()
        case "both":
            lanes = ["contract:con_1", "contract:con_2", "purchase_order:po_1"]
            dice.shuffle(lanes)
            await asyncio.gather(f.d.plan(*lanes[:1]), f.d.plan(*lanes[1:]))


def _assert_within(
    before: dict[str, tuple[Decimal, Decimal | None]], after: dict[str, tuple[Decimal, Decimal | None]]
) -> None:
    for pool, (granted, total) in after.items():
        if granted > before.get(pool, (Decimal(0), None))[0]:
            assert total is None or granted <= total, f"{pool} grew to {granted} over {total}"

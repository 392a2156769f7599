"""Positions: gapless, never against a lane, never before what was published; whoever writes, waits, crashes or seals."""

from __future__ import annotations

import asyncio

import psycopg
from feed_desk import FIRM, OTHER, Desk, append, fact, lanes_in_order

from tieline.engine.events import append_events
from tieline.engine.feed.sealer import PROBE, TAKE


async def test_O1_an_event_whose_lane_is_still_being_written_waits_and_the_others_do_not(desk: Desk) -> None:
    async with desk.writer() as slow:
        await append(slow, FIRM, "contract:slow")
        await desk.write(("contract:quick", 2))
        await desk.seal()
        assert [row["lane"] for row in desk.seals()] == ["contract:quick"] * 2
    await desk.seal()
    assert [(row["position"], row["lane"]) for row in desk.seals()][2:] == [(3, "contract:slow")]


async def test_a_number_that_was_committed_before_the_one_under_it_waits_for_it(desk: Desk) -> None:
    """No writer of ours does this; a faulty one must not turn the feed around."""
    async with desk.writer() as late:
        await append_events(late, FIRM, [fact("contract:c1", 1)])
        async with desk.writer() as early:
            await append_events(early, FIRM, [fact("contract:c1", 2)])
        await desk.seal()
        assert desk.seals() == []
    await desk.seal()
    assert [row["lane_seq"] for row in desk.seals()] == [1, 2]


async def test_a_queue_longer_than_a_batch_is_worked_off_and_a_lane_that_stands_still_stops_no_other(
    desk: Desk,
) -> None:
    async with desk.writer() as broken:
        await append_events(broken, FIRM, [fact("contract:a", number) for number in range(2, 12)])
    await desk.write(("contract:b", 7), ("contract:c", 7))
    sealer = desk.sealer(batch=5)
    for _ in range(8):
        await sealer.round()
    seals = desk.seals()
    assert len(seals) == 14 and lanes_in_order(seals)
    assert desk.rows("select count(*) as n from unsealed") == [{"n": 10}]


async def test_two_sealers_at_once_give_every_event_one_position(desk: Desk) -> None:
    for number in range(20):
        await desk.write((f"contract:c{number}", 5))
        if number % 5 == 0:
            first, second = desk.sealer(batch=7), desk.sealer(batch=7)
            await asyncio.gather(*(each.round() for each in (first, second) * 2))
    await desk.seal()
    seals = desk.seals()
    assert len(seals) == 100 and lanes_in_order(seals)


async def test_a_sealer_that_finds_the_head_locked_goes_on_to_the_next_firm(desk: Desk) -> None:
    await desk.write(("contract:c1", 1))
    await desk.seal()
    await desk.write(("contract:c1", 1))
    await desk.write(("contract:c1", 1), tenant=OTHER)
    async with desk.pool.connection() as holder, holder.transaction():
        await holder.execute("select set_config('tieline.tenant', %s, true)", (FIRM,))
        await holder.execute("select 1 from feed_heads for update")
        await desk.seal()
        assert (len(desk.seals()), len(desk.seals(OTHER))) == (1, 1)
    await desk.seal()
    assert len(desk.seals()) == 2


async def test_F45_events_of_a_writer_that_knows_no_feed_are_found_when_a_sealer_starts(desk: Desk) -> None:
    await desk.write(("contract:c1", 3), ("contract:c2", 2))
    desk.rows("delete from unsealed where lane_seq < 3")
    await desk.seal()
    assert desk.seals() == []
    sealer = desk.sealer([FIRM])
    while await sealer.round():
        pass
    assert lanes_in_order(desk.seals()) and len(desk.seals()) == 5


async def test_a_round_costs_what_is_new_and_not_what_was_before(desk: Desk) -> None:
    """Counted in rows that the statement touches; statistics are those of the beginning, as after a fast start."""
    touched = []
    for lanes in (4, 80):
        await desk.write(*[(f"contract:h{lanes}-{n}", 25) for n in range(lanes)])
        await desk.seal()
        if not touched:
            desk.rows("analyze")
        await desk.write(("contract:new", 4), ("contract:newer", 4))
        plan = _explained(desk)
        touched.append(_touched(plan))
        await desk.seal()
    assert len(desk.seals()) == 84 * 25 + 16
    assert max(touched) <= 20 * 8  # 8 events are new; no plan's step sees more than the new


def _explained(desk: Desk) -> dict[str, object]:
    with psycopg.connect(desk.database.admin) as connection:
        connection.execute(PROBE)
        row = connection.execute(
            "explain (analyze, format json) " + TAKE, {"tenant": FIRM, "lane": "", "seq": 0, "limit": 2000}
        ).fetchone()
    assert row is not None
    plan: dict[str, object] = row[0][0]["Plan"]
    return plan


def _touched(node: dict[str, object]) -> float:
    below = node.get("Plans", [])
    assert isinstance(below, list)
    rows, loops = node["Actual Rows"], node["Actual Loops"]
    removed = node.get("Rows Removed by Filter", 0)
    assert isinstance(rows, int | float) and isinstance(loops, int | float) and isinstance(removed, int | float)
    return (rows + removed) * loops + sum(_touched(each) for each in below)

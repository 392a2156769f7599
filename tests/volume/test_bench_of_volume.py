"""The measurements of volume run, small, and show what they promise: every replica confirmed, every reader reached."""

from __future__ import annotations

from tieline.entrypoints.bench import drain, growth, lanes


async def test_a_small_drain_confirms_every_replica() -> None:
    figures = await drain.measure(lambda text: None, size=500)
    assert figures["replicas"] == 500
    assert figures["calls"] < 200
    assert figures["rss_mb"] < figures["rss_mb_bar"]


async def test_a_small_growth_compares_the_same_work_on_two_stores() -> None:
    figures = await growth.measure(lambda text: None, size=500, work=200)
    assert figures["ratio"] > 0


async def test_one_more_entry_costs_what_it_changes_and_a_card_reaches_all_its_readers() -> None:
    figures = await lanes.measure(lambda text: None, size=1500, readers=600)
    assert figures["charges"] == 1500 + 10
    assert figures["readers"] == 600

"""The measurements of volume run, small, and show what they promise: every replica confirmed, every reader reached."""

from __future__ import annotations

import pytest

from tieline.entrypoints.bench import drain, filling, growth, lanes
from tieline.entrypoints.bench.progress import Progress


def silent(text: str) -> None:
    """Nobody watches."""


async def test_a_small_drain_confirms_every_replica() -> None:
    figures = await drain.measure(silent, size=500)
    assert figures["replicas"] == 500
    assert figures["calls"] < 200
    assert figures["rss_mb"] < figures["rss_mb_bar"]
    assert 0 < figures["ratio"] < 1


async def test_a_small_growth_compares_the_same_work_on_two_stores_whose_indexes_were_built_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(filling, "WORTH_IT", 1)
    figures = await growth.measure(silent, size=600, work=200)
    assert figures["ratio"] > 0
    assert figures["other_rows_each"] == 60


async def test_one_more_entry_costs_what_it_changes_and_a_card_reaches_all_its_readers_and_nobody_else() -> None:
    figures = await lanes.measure(silent, size=1500, readers=600)
    assert figures["charges"] == 1500 + 10
    assert figures["amendment_swept"] == 1500 + 10
    assert (figures["readers"], figures["few_readers"], figures["untouched"]) == (600, 6, 600)


def test_a_long_measurement_says_how_far_it_is_and_how_long_it_will_still_take() -> None:
    said: list[str] = []
    progress = Progress(what="draining", total=100, say=said.append, live=False, started=0.0, _told_at=-1000.0)
    progress.at(40)
    progress.at(50)
    assert len(said) == 1
    assert "40 of 100" in said[0] and "left" in said[0]

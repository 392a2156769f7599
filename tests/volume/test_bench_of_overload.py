"""The measurements with several processes run, small, and end with nothing left behind."""

from __future__ import annotations

from tieline.entrypoints.bench import overload, scale
from tieline.entrypoints.bench.storm import Tally, ms


def silent(text: str) -> None:
    """Nobody watches."""


async def test_one_worker_and_two_drain_the_same_load() -> None:
    figures = await scale.measure(silent, size=300, workers=(1, 2))
    assert figures["workers_1_per_s"] > 0
    assert figures["workers_2_ratio"] > 0


async def test_a_small_overload_sheds_no_order_and_answers_every_fact() -> None:
    figures = await overload.measure(silent, size=200, seconds=2.0)
    assert figures["goodput_per_s"] > 0
    assert figures["critical_shed"] == 0, figures["critical_said"]
    assert figures["critical_orders"] > 0
    assert (figures["other_answers"], figures["unanswered"], figures["refused_without_retry_after"]) == (0, 0, 0)


def test_the_slowest_of_a_hundred_is_the_ninety_ninth_percentile_and_none_of_nothing() -> None:
    assert ms([n / 1000 for n in range(1, 101)], 0.99) == 100.0
    assert ms([], 0.99) is None
    assert Tally(accepted=[0.5, 1.5]).figures(10, 2.0)["accepted_per_s"] == 1.0

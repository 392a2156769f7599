"""The measurement of a census runs, small, and shows what it promises: all planted drift, nothing else, several pages at a time."""

from __future__ import annotations

import pytest

from tieline.entrypoints.bench import population


async def test_C3_a_small_measured_census_finds_every_planted_drift_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(population, "LATENCY_MS", 50.0)
    figures = await population.measure(lambda text: None, size=4_500)
    assert figures["found_of_planted"] == figures["planted_in_all"] == 100
    assert figures["planted"] == figures["found"]
    assert (figures["false"], figures["unchecked"], figures["turned_away"]) == (0, 0, 0)
    assert figures["calls"] <= figures["pages"] + 1

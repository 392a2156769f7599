"""Seeds that a run once broke with, although the hub was right."""

from __future__ import annotations

from datetime import date

import pytest

from tieline.entrypoints.chaos.paper import papers


@pytest.mark.parametrize("seed", [954466606])
def test_no_two_entries_look_like_one_that_was_handed_in_twice(seed: int) -> None:
    """The hub rightly holds the second of two entries with the same person, day, line, hours and narrative."""
    for paper in papers(24, seed, date(2026, 11, 24)):
        assert len({one.number for one in paper.hours}) == len(paper.hours)

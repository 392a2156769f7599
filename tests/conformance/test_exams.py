"""Every connector sits the exam against its counterpart: a twin where the vendor's system cannot run here."""

from __future__ import annotations

from pathlib import Path

import pytest

from tieline.conformance import run_exam
from tieline.connectors import discover
from tieline.entrypoints.examining import examinees

REAL = {"tryton"}
NAMES = [pytest.param(name, marks=[pytest.mark.real] if name in REAL else []) for name in sorted(examinees())]


@pytest.mark.parametrize("name", NAMES)
async def test_D1_the_connector_keeps_every_promise_that_it_has_given(name: str, tmp_path: Path) -> None:
    with examinees()[name](tmp_path) as target:
        report = await run_exam(target)
    assert report.passed, [result for result in report.results if result.status == "failed"]


def test_no_connector_stays_away_from_the_exam() -> None:
    assert set(examinees()) == set(discover())

"""Every hold can be acted upon: its code has an owner and a runbook, and every runbook belongs to a code."""

from __future__ import annotations

from pathlib import Path

from tieline.domain.holds import CATALOGUE

_RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"


def test_every_hold_code_has_a_runbook_and_every_runbook_a_code() -> None:
    pages = {page.stem for page in _RUNBOOKS.glob("*.md")} - {"README", "index"}
    assert pages == set(CATALOGUE)


def test_every_runbook_says_what_to_do() -> None:
    empty = [page.name for page in _RUNBOOKS.glob("*.md") if len(page.read_text().split()) < 20]
    assert empty == []

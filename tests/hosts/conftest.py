"""Where the tests of several hosts find their world, and what stands at the end of the output."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

_TESTS = Path(__file__).parents[1]
PLACES = (_TESTS / "hosts", _TESTS / "chaos", _TESTS / "engine", _TESTS)
sys.path[:0] = [str(place) for place in PLACES if str(place) not in sys.path]

_LEDGERS: list[str] = []


@pytest.fixture
def say() -> Callable[[str], None]:
    return _LEDGERS.append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in _LEDGERS:
        terminalreporter.write_line(line)

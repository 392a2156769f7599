"""Where the minutes of a run go: a table at its end, after what single tests have to say about themselves.

A test says something with `item.user_properties.append((SAID, line))`; that way it reaches the end of the output from any
process. `TIELINE_TEST_RECORD=1` writes down how long each part took, by which the next runs begin with the longest.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter

import pytest

from parts import RECORDED, part_of

SAID = "said"
BEFORE = "TIELINE_TEST_BEFORE"  # what ran before pytest: {"setup": seconds, …}
_ROWS = {
    "chaos/test_seeds.py": "twenty seeds of faults",
    "chaos/test_kill": "kill tests",
    "planted/": "planted bugs, each by name",
}


def row_of(nodeid: str) -> str:
    """The line of the table that a test belongs to."""
    path = nodeid.partition("::")[0].partition("tests/")[2]
    return next((name for begin, name in _ROWS.items() if path.startswith(begin)), f"tests/{path.partition('/')[0]}")


class Ledger:
    def __init__(self, *, whole: bool) -> None:
        """`whole`: with a table; else only what tests say."""
        self.whole, self.began = whole, time.monotonic()
        self.tests: Counter[str] = Counter()
        self.seconds: Counter[str] = Counter()
        self.parts: Counter[str] = Counter()
        self.said: dict[str, None] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        row = row_of(report.nodeid)
        self.tests[row] += report.when == "call"
        self.seconds[row] += report.duration
        self.parts[part_of(report.nodeid)] += report.duration
        self.said |= {str(value): None for name, value in report.user_properties if name == SAID}

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        before = json.loads(os.environ.get(BEFORE, "{}"))
        table = ["", *self.table(before, time.monotonic() - self.began)] if self.whole else []
        for line in [*self.said, *table]:
            terminalreporter.write_line(line)
        if os.environ.get("TIELINE_TEST_RECORD"):
            kept = {part: round(took) for part, took in sorted(self.parts.items()) if took >= 2}
            RECORDED.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")

    def table(self, before: dict[str, float], took_s: float) -> list[str]:
        """What passed on the clock, then whose work it was: several tests run at a time, so the work is more than the clock."""
        clock = before | {"tests": took_s}
        rows = [_line(name, "", seconds) for name, seconds in clock.items()]
        rows.append(_line("in all", self.tests.total(), sum(clock.values())))
        work = [_line(f"  {row}", self.tests[row], seconds) for row, seconds in self.seconds.most_common()]
        return [
            f"{'where the minutes went':40}{'tests':>8}{'min':>8}",
            *rows,
            "of the tests' time, by whose work it was:",
            *work,
        ]


def _line(name: str, tests: int | str, seconds: float) -> str:
    return f"{name:40}{tests:>8}{int(seconds) // 60:>5}:{int(seconds) % 60:02}"

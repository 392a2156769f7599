"""What belongs together in one process, and in which order: the longest first, so that no core stands idle at the end."""

from __future__ import annotations

import json
import os
from pathlib import Path
from zlib import crc32

import pytest
from xdist.scheduler import LoadFileScheduling

RECORDED = Path(__file__).with_name("seconds.json")
# Judged by the clock while they keep two cores busy: two of them at once would be two of half the speed.
_CHAOS = ("tests/chaos/", "tests/upgrades/test_rolling_upgrade.py")
_STAGED = "tests/scenarios/"  # one stage, which takes seconds to prepare
_YIELDING = 5


def part_of(nodeid: str) -> str:
    """Tests of one part run one after the other in one process."""
    path, _, name = nodeid.partition("::")
    if name.startswith("test_a_planted_bug_is_noticed"):
        return f"{path}::{crc32(name.encode()) % 4}"
    if path.startswith(_CHAOS):
        return _CHAOS[0]
    return _STAGED if path.startswith(_STAGED) else path


class ByPart(LoadFileScheduling):
    """As `--dist loadfile`, by part."""

    def _split_scope(self, nodeid: str) -> str:
        return part_of(nodeid)


def longest_first(items: list[pytest.Item]) -> None:
    seconds = json.loads(RECORDED.read_text(encoding="utf-8")) if RECORDED.exists() else {}
    items.sort(key=lambda item: -seconds.get(part_of(item.nodeid), 0))


class Yielding:
    """What kills processes is measured against its clock; the other tests beside it step back."""

    def __init__(self) -> None:
        self.stepped_back = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if not self.stepped_back and not item.nodeid.startswith(_CHAOS):
            os.nice(_YIELDING)
            self.stepped_back = True

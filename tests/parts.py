"""What belongs together in one process, and in which order: the longest first, so that no core stands idle at the end."""

from __future__ import annotations

import json
from pathlib import Path
from zlib import crc32

import pytest
from xdist.scheduler import LoadFileScheduling

RECORDED = Path(__file__).with_name("seconds.json")
_STAGED = "tests/scenarios/"  # one stage, which takes seconds to prepare


def part_of(nodeid: str) -> str:
    """Tests of one part run one after the other in one process."""
    path, _, name = nodeid.partition("::")
    if name.startswith("test_a_planted_bug_is_noticed"):
        return f"{path}::{crc32(name.encode()) % 4}"
    return _STAGED if path.startswith(_STAGED) else path


class ByPart(LoadFileScheduling):
    """As `--dist loadfile`, by part."""

    def _split_scope(self, nodeid: str) -> str:
        return part_of(nodeid)


def longest_first(items: list[pytest.Item]) -> None:
    seconds = json.loads(RECORDED.read_text(encoding="utf-8")) if RECORDED.exists() else {}
    items.sort(key=lambda item: -seconds.get(part_of(item.nodeid), 0))

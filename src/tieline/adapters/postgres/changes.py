"""The migrations that this code knows. File names are the order and say who may be at work meanwhile.

`NNNN_pre_*` runs before the new code: code from before it goes on working. `NNNN_post_*` runs when all older code is gone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

MIGRATIONS = Path(__file__).parent / "migrations"
_NAME = re.compile(r"(\d{4})_(pre|post)_(\w+)\.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    number: str
    phase: str
    name: str

    def __str__(self) -> str:
        return f"{self.number}_{self.phase}_{self.name}"


def changes() -> tuple[Change, ...]:
    """All of them, in their order."""
    names = sorted(path.name for path in MIGRATIONS.glob("[0-9]*_*.py"))
    found = [_NAME.fullmatch(name) for name in names]
    return tuple(Change(number=one[1], phase=one[2], name=one[3]) for one in found if one)


def head() -> str:
    """The number of the newest: how old this code is."""
    return changes()[-1].number


def needed() -> str:
    """What a store must have before this code works on it: a `post` migration may still be open."""
    return max(change.number for change in changes() if change.phase == "pre")

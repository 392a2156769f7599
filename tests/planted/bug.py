"""What a planted bug is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bug:
    """`old` stands exactly once in `src/tieline/<file>`; `test` fails for an assertion once it reads `new`."""

    id: str
    file: str
    old: str
    new: str
    test: str
    why: str

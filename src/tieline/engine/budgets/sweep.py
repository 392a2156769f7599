"""Which shards the next claim looks at: all of them while little is due, a quarter at a time while much is.

Every shard is looked at within four claims, so the bounds of fairness hold over four claims; a claim costs a quarter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PARTS = 4
PLENTY = 64  # claimed at once: more is certainly waiting


@dataclass(slots=True)
class Sweep:
    turn: int = 0
    plenty: bool = False

    def part(self, shards: Sequence[int]) -> list[int]:
        """Interleaved, so that neighbours share no fate."""
        if not self.plenty or len(shards) < PARTS:
            self.plenty = False
            return list(shards)
        self.turn = (self.turn + 1) % PARTS
        return list(shards[self.turn :: PARTS])

    def seen(self, claimed: int) -> bool:
        """Whether this claim says enough: a poor quarter must not look like an empty queue."""
        whole, self.plenty = not self.plenty, claimed >= PLENTY
        return whole or claimed >= PLENTY // 2

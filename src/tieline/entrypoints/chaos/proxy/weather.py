"""What happens to which exchange: a seeded draw per request, so that a run can be repeated from its seed and rates."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

KINDS = (
    "reset_request",  # before anything passes: certainly no effect, but the caller cannot know
    "reset_answer",  # the request passed, its answer is lost
    "cut_headers",  # the answer ends within its first bytes
    "cut_body",  # the answer ends after its headers, or after half of what came first when it has none
    "delay",  # the answer comes late
    "slow_loris",  # the answer comes byte by byte, and then no more
    "black_hole",  # nothing passes either way, and nobody is told
    "black_hole_back",  # requests pass, answers vanish
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakage:
    """What is done to one exchange. `share` says where within the answer, `seconds` how long."""

    kind: str
    share: float
    seconds: float


@dataclass(slots=True, kw_only=True)
class Weather:
    """`rates` are chances per exchange by kind. `late_s` bounds a delay, `silent_s` how long a black hole keeps a caller."""

    seed: int
    rates: Mapping[str, float]
    late_s: float = 0.5
    silent_s: float = 5.0
    done: Counter[str] = field(default_factory=Counter)
    exchanges: int = 0
    _calm: bool = False
    _chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        unknown = set(self.rates) - set(KINDS)
        if unknown or sum(self.rates.values()) > 1:
            raise ValueError(f"rates must name kinds and stay below one together: {sorted(unknown)} {dict(self.rates)}")
        self._chance = random.Random(f"weather {self.seed}")

    def draw(self) -> Breakage | None:
        """Of the next exchange. The same number of draws happens whether it breaks or not."""
        lot, share, length = self._chance.random(), self._chance.random(), self._chance.random()
        self.exchanges += 1
        if self._calm:
            return None
        for kind in KINDS:
            lot -= self.rates.get(kind, 0.0)
            if lot < 0:
                self.done[kind] += 1
                return Breakage(
                    kind=kind, share=share, seconds=length * self.late_s if kind == "delay" else self.silent_s
                )
        return None

    def heal(self) -> None:
        """From now on nothing breaks."""
        self._calm = True

    def worsen(self) -> None:
        """Faults begin again."""
        self._calm = False

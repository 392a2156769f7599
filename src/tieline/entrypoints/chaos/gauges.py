"""Memory and open files of processes that live long, and what their course over time comes to."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WARM_S = 600.0  # caches, pools and statements fill; of a shorter life the first half does not count
MB = 1024.0


@dataclass(slots=True)
class Gauge:
    """One process: when, resident memory in kB, open files."""

    seen: list[tuple[float, int, int]] = field(default_factory=list)

    def look(self, pid: int, at_s: float) -> None:
        """Raises OSError when the process is gone."""
        status = Path(f"/proc/{pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        self.seen.append((at_s, int(line.split()[1]), len(os.listdir(f"/proc/{pid}/fd"))))

    def told(self) -> dict[str, float]:
        """`mb_per_h` is the slope of a straight line through all that was seen when warm."""
        if not self.seen:
            return {}
        last = self.seen[-1][0]
        warm = [one for one in self.seen if one[0] >= min(WARM_S, last / 2)]
        files = [one[2] for one in warm]
        return {
            "minutes": round((last - warm[0][0]) / 60, 1), "mb_warm": round(warm[0][1] / MB, 1), "mb_end": round(warm[-1][1] / MB, 1),
            "mb_max": round(max(one[1] for one in warm) / MB, 1),
            "mb_per_h": round(3600 * slope([(at, kb / MB) for at, kb, _ in warm]), 2),
            "files_min": min(files), "files_max": max(files),
        }  # fmt: skip


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the line with the least squares; 0 for fewer than two points."""
    if len(points) < 2:
        return 0.0
    middle_x = sum(x for x, _ in points) / len(points)
    middle_y = sum(y for _, y in points) / len(points)
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread if spread else 0.0


def all_told(gauges: Mapping[str, Gauge]) -> dict[str, Any]:
    return {name: gauge.told() for name, gauge in gauges.items()}

"""Named places where a test may end the process. Without the variable they cost one dictionary look-up.

`TIELINE_CRASH="after_intent_commit:3"` ends the process at the third pass of that point;
`TIELINE_CRASH_LOG=path` appends the name of the point hit.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

POINTS = (
    "before_accept_commit", "after_accept_commit", "before_apply_commit", "after_apply_commit", "before_plan_commit",
    "after_plan_commit", "before_intent_commit", "after_intent_commit", "before_send", "after_answer",
    "before_outcome_commit", "after_outcome_commit", "before_observe_commit", "after_observe_commit",
    "before_cursor_commit", "after_cursor_commit", "after_lease_claim", "before_approval_commit", "after_approval_commit",
)  # fmt: skip
SEALER_POINTS = ("before_seal_commit", "after_seal_commit", "before_root_append", "after_root_append")  # a scheduler's
DELIVERY_POINTS = ("before_delivery_commit", "after_delivery_commit")  # a scheduler's, too
MIGRATION_POINTS = (
    "before_migration_commit", "after_migration_commit", "before_security_commit", "after_security_commit",
)  # fmt: skip
EVERY_POINT = (*POINTS, *SEALER_POINTS, *DELIVERY_POINTS, *MIGRATION_POINTS)

_armed: dict[str, int] = {}
_passed: Counter[str] = Counter()


def arm(setting: str) -> None:
    """`name:n[,name:n…]`; unknown names raise ValueError."""
    _armed.clear()
    for part in filter(None, setting.split(",")):
        name, _, count = part.partition(":")
        if name not in EVERY_POINT:
            raise ValueError(f"{name!r} is not a crash point")
        _armed[name] = int(count or 1)


def crash_point(name: str) -> None:
    if name not in _armed:
        return
    _passed[name] += 1
    if _passed[name] == _armed[name]:
        log = os.environ.get("TIELINE_CRASH_LOG")
        if log:
            with open(log, "a", encoding="utf-8") as file:
                file.write(name + "\n")
        os.kill(os.getpid(), signal.SIGKILL)


arm(os.environ.get("TIELINE_CRASH", ""))

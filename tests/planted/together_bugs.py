"""Planted bugs of what ends at the same instant: two that each take the other for unfinished (V1)."""

from __future__ import annotations

from bug import Bug

_T = "tests/engine/test_confirmed_together.py::"

TOGETHER_BUGS = (
    Bug(
        "two_releases_do_not_see_each_other", "engine/pumps/outcomes.py",
        "    await write(cursor, _ONE_OF_THEM, ended, tenant)\n",
        "",
        _T + "test_V1_what_waits_for_two_that_end_together_is_freed_by_one_of_them",
        "What waits for two documents that end at the same instant waits for ever.",
    ),
    Bug(
        "two_readings_take_each_other_for_busy", "engine/pumps/observe.py",
        "    await cursor.execute(_ONE_BY_ONE, (tenant, sorted(lanes)))\n",
        "",
        _T + "test_V1_a_lane_whose_last_documents_are_confirmed_together_is_woken",
        "A contract whose last documents are confirmed at the same instant is not planned again.",
    ),
)  # fmt: skip

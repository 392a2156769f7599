"""Planted bugs of budgets: each would let one firm or one worker take what belongs to another, or anger a vendor."""

from __future__ import annotations

from bug import Bug

BUDGET_BUGS: tuple[Bug, ...] = (
    Bug(
        "room_of_all_firms", "engine/budgets/budgets.py",
        "if other[0] == key[0] and self._of.get(other) is gate)\n",
        "if self._of.get(other) is gate)\n",
        "tests/engine/test_room_between_firms.py::"
        "test_T4_behind_the_full_queue_of_one_firm_another_firms_calls_are_prepared",
        "A noisy firm's queue keeps every other firm at the same subscription from being prepared (T4).",
    ),
    Bug(
        "slots_of_others_not_counted", "adapters/postgres/migrations/budgets.sql",
        'least(a.wanted, fair, a."limit" - others.held)',
        'least(a.wanted, fair, a."limit")',
        "tests/budgets/test_shares_in_store.py::"
        "test_the_sum_of_slots_in_use_never_exceeds_the_limit_whoever_stops_wakes_or_dies",
        "A worker is given its share while another one still holds it: the vendor sees more calls than its limit.",
    ),
)  # fmt: skip

"""Planted bugs of pools, caps and orders whose caller waits."""

from __future__ import annotations

from bug import Bug

_P = "tests/pools/"

POOL_BUGS = (
    Bug(
        "headroom_to_whoever_comes_first", "engine/pools/load.py",
        "order by work_on, draw_key limit %(n)s",
        "order by asked_at, draw_key limit %(n)s",
        _P + "test_grants.py::test_C4_raised_headroom_goes_to_the_earliest_work_whatever_came_first",
        "Returned headroom goes by arrival, so that the same facts in another order bill other hours (C4).",
    ),
    Bug(
        "new_request_jumps_the_queue", "engine/pools/book.py",
        "        return self.pools[row.pool].owed\n",
        "        return False\n",
        _P + "test_grants.py::test_C4_raised_headroom_goes_to_the_earliest_work_whatever_came_first",
        "Whoever asks while headroom comes back takes it before those who wait (C4).",
    ),
    Bug(
        "one_level_is_enough", "engine/pools/book.py",
        "        if all(rest <= room for room in limits):\n",
        "        if any(rest <= room for room in limits):\n",
        _P + "test_grants.py::test_every_level_must_pass_and_none_is_used_up_by_what_another_refuses",
        "A charge that fits the cap overruns the client's purchase order (M3).",
    ),
    Bug(
        "release_does_not_look_at_the_cap", "flows/invoice_steps.py",
        " and caps.may_release(view, invoice):\n",
        ":\n",
        _P + "test_caps.py::test_M3_a_cap_lowered_between_preparing_and_release_stops_the_release_and_edits_nothing",
        "An invoice goes out over a cap that was lowered before its release (M3).",
    ),
)  # fmt: skip

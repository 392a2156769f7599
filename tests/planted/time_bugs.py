"""Planted bugs of business time and schedules."""

from __future__ import annotations

from bug import Bug

C = "tests/clock/"
TIME_BUGS = (
    Bug(
        "expired_notice_told", "engine/pumps/intents.py",
        'row["expires_at"] is not None and row["expires_at"] <= moment\n',
        'row["expires_at"] is None\n',
        "tests/engine/test_ends_wakes_and_notices.py::test_a_notice_that_comes_too_late_is_not_told",
        "People are told of what is over.",
    ),
    Bug(
        "year_in_one_leap", "engine/clock/journey.py",
        "        await self._move(min([target, *coming]))\n",
        "        await self._move(target)\n",
        C + "test_wake_ups_in_their_order.py::"
        "test_D6_a_year_in_one_order_reaches_a_system_as_thirteen_months_in_their_order",
        "Twelve months become one day: eleven of them never were (D6).",
    ),
    Bug(
        "due_by_business_time", "engine/planning/store.py",
        "    queued = await store_replicas(cursor, setup, plans, now)\n",
        "    queued = await store_replicas(cursor, setup, plans, moment)\n",
        C + "test_wake_ups_in_their_order.py::"
        "test_V3_what_is_due_to_a_system_goes_by_the_wall_clock_however_far_business_time_is_ahead",
        "What a rehearsal writes is due next year and never sent (V1).",
    ),
    Bug(
        "day_happens_twice", "engine/clock/moved.py",
        "            return self._latest\n        self._latest = now\n",
        "            return now\n        self._latest = now\n",
        C + "test_wake_ups_in_their_order.py::test_D6_a_wall_clock_that_jumps_back_over_midnight_plans_no_day_twice",
        "A clock that is set back gives the old rate once more (F43).",
    ),
    Bug(
        "clock_goes_back", "engine/clock/journey.py",
        "    if to <= present:\n",
        "    if to <= present and False:\n",
        C + "test_the_clock_is_moved.py::test_the_clock_is_never_set_back",
        "A rehearsal lives the same month again.",
    ),
    Bug(
        "real_store_rehearsed", "bootstrap/clock.py",
        "    if settings.clock_movable and not rehearsal:\n",
        "    if settings.clock_movable and rehearsal:\n",
        C + "test_rehearsals_keep_apart.py::test_a_store_of_real_days_is_refused_to_a_rehearsal",
        "Made-up days reach a store of real contracts.",
    ),
    Bug(
        "invoice_dated_in_utc", "bootstrap/schedules.py",
        "        day = due.astimezone(ZoneInfo(each.place.zone)).date()\n",
        "        day = due.date()\n",
        "tests/duties/test_schedules_start.py::test_the_day_of_an_invoice_is_the_legal_entitys_and_not_UTCs",
        "East of UTC an invoice bears the day before (domain rules, time zones).",
    ),
    Bug(
        "hour_of_the_wrong_side", "kit/schedules.py",
        "at.replace(fold=0)",
        "at.replace(fold=1)",
        C + "test_a_year_around_the_world.py::"
        "test_D6_every_night_of_a_leap_year_has_its_hour_once_where_it_is_skipped_an_hour_later",
        "The night of the change to summer fires an hour early, that to winter an hour late (F43).",
    ),
)  # fmt: skip

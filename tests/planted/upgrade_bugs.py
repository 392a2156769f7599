"""Planted bugs of upgrades: two versions on one store."""

from __future__ import annotations

from bug import Bug

_U = "tests/upgrades/test_upgrade_steps.py::"

UPGRADE_BUGS = (
    Bug(
        "post_beside_older_processes", "adapters/postgres/fitness.py",
        "    return [one for one in everybody if one.code < than]\n",
        "    return []\n",
        _U + "test_F45_between_pre_and_post_both_versions_work_and_post_waits_until_the_older_is_gone",
        "What the former version still needs is taken away while its processes work (F45).",
    ),
    Bug(
        "pre_takes_the_old_functions_away", "adapters/postgres/migrate.py",
        "    _secure(connection, exact=alone)\n",
        "    _secure(connection, exact=True)\n",
        _U + "test_pre_keeps_the_functions_of_the_older_version_and_post_takes_them_away",
        "Processes of the former version find no function to claim their work with (F45).",
    ),
    Bug(
        "older_code_on_a_store_beyond_it", "adapters/postgres/fitness.py",
        "    if row[1] > head():\n",
        "    if False:\n",
        _U + "test_a_process_that_the_store_has_left_behind_ends_by_itself_and_says_why",
        "A process that nobody saw goes on with tables that are not its own any more (F45).",
    ),
)  # fmt: skip

"""The table at the end of a run: every test is in it once, and what belongs together runs together."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ledger import SAID, Ledger, row_of
from parts import part_of


def report(nodeid: str, when: str, duration: float, *said: str) -> Any:
    return SimpleNamespace(nodeid=nodeid, when=when, duration=duration, user_properties=[(SAID, line) for line in said])


def test_the_table_counts_each_test_once_and_its_work_with_its_preparation() -> None:
    ledger = Ledger(whole=True)
    for when, took in (("setup", 70.0), ("call", 5.0), ("teardown", 1.0)):
        ledger.pytest_runtest_logreport(report("tests/engine/test_leases.py::test_one", when, took))
    ledger.pytest_runtest_logreport(report("tests/chaos/test_seeds.py::test_two", "call", 200.0, "74 kills"))
    lines = [line.split() for line in ledger.table({"setup": 45.0, "check": 20.0}, 600.0)]
    assert ["setup", "0:45"] in lines and ["check", "0:20"] in lines and ["tests", "10:00"] in lines
    assert ["in", "all", "2", "11:05"] in lines
    assert lines[-2:] == [["twenty", "seeds", "of", "faults", "1", "3:20"], ["tests/engine", "1", "1:16"]]
    assert list(ledger.said) == ["74 kills"]


@pytest.mark.parametrize(
    ("nodeid", "row"),
    [
        ("tests/chaos/test_kill.py::test_a", "kill tests"),
        ("tests/chaos/test_kill_every_class.py::test_a", "kill tests"),
        ("tests/chaos/test_zombie.py::test_a", "tests/chaos"),
        ("tests/planted/test_planted_bugs.py::test_a[no_fence]", "planted bugs, each by name"),
        ("tests/twins/netsuite/test_netsuite_account.py::test_a", "tests/twins"),
    ],
)
def test_a_test_belongs_to_one_row(nodeid: str, row: str) -> None:
    assert row_of(nodeid) == row


def test_kills_and_seeds_follow_each_other_and_planted_bugs_are_spread() -> None:
    """Two of the first at once would be judged by the clock of a machine that is twice as slow."""
    assert part_of("tests/engine/test_leases.py::test_a") != part_of("tests/engine/test_polling.py::test_a")
    name = "tests/planted/test_planted_bugs.py::test_a_planted_bug_is_noticed_by_its_test"
    assert len({part_of(f"{name}[bug_{number}]") for number in range(40)}) == 4

"""The table of planted bugs fits the sources, and each of them is noticed by its test. The same without pytest: `make planted`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from bugs import BUGS, Bug
from run import stale, try_bug

from tieline.adapters.postgres import launcher


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.id)
def test_a_planted_bug_fits_the_sources_and_its_test_exists(bug: Bug) -> None:
    assert stale(bug) is None
    assert bug.old != bug.new


def test_every_bug_has_a_name_of_its_own_and_says_what_it_would_cost() -> None:
    assert [name for name, count in Counter(bug.id for bug in BUGS).items() if count > 1] == []
    assert [bug.id for bug in BUGS if len(bug.why.split()) < 5] == []


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.id)
def test_a_planted_bug_is_noticed_by_its_test(bug: Bug, cluster: launcher.Embedded, template: str) -> None:
    verdict = try_bug(bug, cluster.folders.root.parent, template)
    assert verdict.caught, f"{bug.why} {bug.test}: {verdict.reason}"


def test_a_bug_that_no_test_notices_is_reported(tmp_path: Path) -> None:
    """The runner itself is tested with a change that changes nothing."""
    table = (
        'from real_bugs import Bug\nBUGS = (Bug("harmless", "kit/money.py", "{0}", "{0}  ", "{1}", "It is none."),)\n'
    )
    here = Path(__file__).parent
    (tmp_path / "bugs.py").write_text(
        table.format("import annotations", "tests/kit/test_money.py::test_M6_a_float_is_not_money")
    )
    (tmp_path / "real_bugs.py").write_text((here / "bugs.py").read_text())
    script = "import sys; sys.path.insert(0, sys.argv[1]); import bugs, run; sys.exit(run.main(['--json']))"
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False, env={"PYTHONPATH": str(here)}
    )  # fmt: skip
    verdict = json.loads(done.stdout)["bugs"][0]
    assert (done.returncode, verdict["caught"], verdict["reason"]) == (1, False, "the test passed")

"""Plants each bug of the table into a copy of the sources and runs the one test that must notice it.

    python tests/planted/run.py [--json] [--parallel 2] [bug id …]

Exits with 1 when a bug was missed, with 2 when the table does not fit the sources any more.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from bugs import BUGS, Bug

ROOT = Path(__file__).parents[2]
sys.path.insert(1, str(ROOT / "tests"))

from database import made_template, server  # noqa: E402

SOURCE = ROOT / "src"
SCHEMA = "adapters/postgres/"  # a bug in here needs a database that was made with it
PATIENCE_S = "4"  # how long a test of the running engine waits for what never comes
LIMIT_S = 120
REASONS = ("AssertionError", "Failed")  # an assertion, or "did not raise"


@dataclass(frozen=True, slots=True)
class Verdict:
    id: str
    caught: bool
    test: str
    reason: str
    took_s: float


def stale(bug: Bug) -> str | None:
    """What no longer fits: the text must stand exactly once in its file, and the test must exist."""
    file = SOURCE / "tieline" / bug.file
    if not file.exists() or (count := file.read_text(encoding="utf-8").count(bug.old)) == 0:
        return f"{bug.id}: the text to change is not in src/tieline/{bug.file} any more"
    if count > 1:
        return f"{bug.id}: the text to change stands {count} times in src/tieline/{bug.file}"
    path, _, name = bug.test.partition("::")
    where = ROOT / path
    if not where.exists() or f"def {name}(" not in where.read_text(encoding="utf-8"):
        return f"{bug.id}: there is no test {bug.test}"
    return None


def try_bug(bug: Bug, server: Path, template: str) -> Verdict:
    """Copy, plant, run. Caught only if the test itself failed, and for an assertion.

    The database server is lent, and so is its migrated database, unless the bug is in what migrates.
    """
    lent = {"TIELINE_TEST_SERVER": str(server)}
    lent |= {} if bug.file.startswith(SCHEMA) else {"TIELINE_TEST_TEMPLATE": template}
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tieline-planted-") as folder:
        copy, report = Path(folder, "src"), Path(folder, "report.jsonl")
        shutil.copytree(SOURCE, copy)
        file = copy / "tieline" / bug.file
        file.write_text(file.read_text(encoding="utf-8").replace(bug.old, bug.new), encoding="utf-8")
        done = _run_test(bug.test, copy, report, lent)
        caught, reason = _judge(done, report)
    return Verdict(bug.id, caught, bug.test, reason, round(time.monotonic() - started, 1))


def _run_test(test: str, copy: Path, report: Path, lent: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environment = os.environ | lent | {
        "PYTHONPATH": f"{copy}{os.pathsep}{Path(__file__).parent}", "PLANTED_SOURCE": str(copy),
        "PLANTED_REPORT": str(report), "TIELINE_TEST_PATIENCE_S": PATIENCE_S,
    }  # fmt: skip
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "observing", "-p", "no:cacheprovider", test]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )


def _judge(done: subprocess.CompletedProcess[str], report: Path) -> tuple[bool, str]:
    notes = [json.loads(line) for line in report.read_text().splitlines()] if report.exists() else []
    failed = [note for note in notes if note["outcome"] == "failed"]
    if not failed:
        return False, "the test passed" if notes else f"the test did not run: {done.stdout[-300:]}{done.stderr[-300:]}"
    first = failed[0]
    reason = f"{first['kind']}: {' '.join(first['line'])}"[:160]
    return first["when"] == "call" and first["kind"] in REASONS, reason


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Plant bugs; each must be noticed by its test.")
    parser.add_argument("ids", nargs="*", help="only these bugs")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--parallel", type=int, default=2)
    given = parser.parse_args(arguments)
    if unknown := sorted(set(given.ids) - {bug.id for bug in BUGS}):
        parser.error(f"no such bug: {', '.join(unknown)}")
    chosen = [bug for bug in BUGS if not given.ids or bug.id in given.ids]
    if faults := [fault for bug in chosen if (fault := stale(bug))]:
        print("\n".join(faults), file=sys.stderr)
        return 2
    started = time.monotonic()
    with server() as running, ThreadPoolExecutor(given.parallel) as pool:
        try_one = partial(try_bug, server=running.folders.root.parent, template=made_template(running))
        verdicts = _shown(pool.map(try_one, chosen), quiet=given.json)
    caught = sum(verdict.caught for verdict in verdicts)
    took_s = round(time.monotonic() - started, 1)
    if given.json:
        print(
            json.dumps({"caught": caught, "planted": len(chosen), "took_s": took_s, "bugs": [*map(asdict, verdicts)]})
        )
    else:
        print(f"{caught} of {len(chosen)} planted bugs caught in {took_s} s")
    return 0 if caught == len(chosen) else 1


def _shown(verdicts: Iterable[Verdict], *, quiet: bool) -> list[Verdict]:
    seen: list[Verdict] = []
    for verdict in verdicts:
        seen.append(verdict)
        if not quiet:
            word = "caught" if verdict.caught else "MISSED"
            print(f"{word}  {verdict.id:32} {verdict.took_s:5.1f} s  {verdict.reason}", flush=True)
    return seen


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`make test`: the checks, then the tests (or those of the folders that are named), then where the minutes went.

Begins with what fails quickest. Exits as the first part that fails.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from ledger import BEFORE

ROOT = Path(__file__).parents[1]
BEGAN = ROOT / ".venv" / "began"  # left by a setup that has just been; its age is what the setup took
PYTEST = str(Path(sys.executable).with_name("pytest"))
TOGETHER = ["-n", "3", "--dist", "loadfile"]
ALONE = ["tests/chaos", "tests/scenarios/test_scn_twelve_months.py"]  # their bars are the clock's
APART = [
    "tests/chaos/test_seeds.py",
    "tests/upgrades/test_rolling_upgrade.py",
    "tests/hosts",
]  # `make seeds`, `make rolling`


def main(chosen: list[str]) -> int:
    took: dict[str, float] = {}
    if BEGAN.exists():
        took["setup"] = time.time() - BEGAN.stat().st_mtime
        BEGAN.unlink()
    began = time.monotonic()
    checked = subprocess.run(["make", "--no-print-directory", "check"], cwd=ROOT, check=False)
    if checked.returncode:
        return checked.returncode
    took["check"] = time.monotonic() - began
    if chosen:
        return _pytest([*TOGETHER, *chosen], took)
    left_out = [f"--ignore={each}" for each in (*ALONE, *APART)]
    return _pytest([*TOGETHER, "tests", *left_out], took) or _pytest([*ALONE, *left_out[len(ALONE) :]], {})


def _pytest(arguments: list[str], took: dict[str, float]) -> int:
    command = [PYTEST, *arguments]
    print(*command, flush=True)
    return subprocess.run(command, cwd=ROOT, env=os.environ | {BEFORE: json.dumps(took)}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

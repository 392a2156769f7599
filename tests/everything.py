"""`make test`: the checks, then every test (or those of the folders that are named), then where the minutes went.

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
PYTEST = [str(Path(sys.executable).with_name("pytest")), "-n", "4", "--dist", "loadfile"]


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
    command = [*PYTEST, *(chosen or ["tests"])]
    print(*command, flush=True)
    return subprocess.run(command, cwd=ROOT, env=os.environ | {BEFORE: json.dumps(took)}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

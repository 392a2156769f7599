"""The schema is built while whoever builds it is killed: at each point of a migration once, and the next one goes on from there.

A process of its own: `python -m tieline.entrypoints.chaos.migrating CONNINFO`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tieline.adapters.postgres import migrate
from tieline.engine.crashpoints import MIGRATION_POINTS
from tieline.kit.errors import Unavailable


def under_kills(conninfo: str, log: Path) -> None:
    """Raises Unavailable when a migration ends in any other way than being killed or being done."""
    for point in MIGRATION_POINTS:
        done = subprocess.run(
            [sys.executable, "-m", __name__, conninfo], check=False, capture_output=True,
            env={**os.environ, "TIELINE_CRASH": f"{point}:1", "TIELINE_CRASH_LOG": str(log)},
        )  # fmt: skip
        if done.returncode not in (0, -signal.SIGKILL):
            said = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise Unavailable(f"The migration after a kill ended with {done.returncode}: {' '.join(said)}")
    migrate.migrate(conninfo)


if __name__ == "__main__":
    migrate.migrate(sys.argv[1])

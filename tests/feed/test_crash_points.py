"""F25: a sealer killed at each of its crash points leaves nothing half done, and its successor goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from feed_desk import Desk, lanes_in_order

from tieline.adapters.postgres import roles
from tieline.engine.crashpoints import SEALER_POINTS

_HERE = Path(__file__).parent


def killed_at(desk: Desk, crash: str) -> int:
    done = subprocess.run(
        [sys.executable, _HERE / "seal_once.py", desk.database.conninfo(roles.SCHEDULER), str(desk.record)],
        env={**os.environ, "TIELINE_CRASH": crash, "PYTHONPATH": f"{_HERE}:{_HERE.parent}"},
        check=False,
    )
    return done.returncode


@pytest.mark.parametrize("passing", [1, 2])
@pytest.mark.parametrize("point", SEALER_POINTS)
async def test_F25_a_sealer_killed_at_a_crash_point_is_followed_by_one_that_goes_on(
    desk: Desk, point: str, passing: int
) -> None:
    await desk.write(("contract:c1", 6), ("contract:c2", 6))
    assert killed_at(desk, f"{point}:{passing}") == -signal.SIGKILL
    before = [bytes(row["hash"]) for row in desk.seals()]
    await desk.write(("contract:c1", 2))
    await desk.seal(sign=True)
    seals = desk.seals()
    assert [bytes(row["hash"]) for row in seals[: len(before)]] == before
    assert len(seals) == 14 and lanes_in_order(seals)
    assert (await desk.verify()).findings == []

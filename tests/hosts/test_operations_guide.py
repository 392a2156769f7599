"""The guide for operators, run as it stands: every box of a chapter, one after the other, in one shell."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tieline.adapters.postgres.binaries import bin_folder
from tieline.adapters.postgres.runas import server_user
from tieline.entrypoints.chaos.stage import Stage, staged

_ROOT = Path(__file__).parents[2]
_GUIDE = _ROOT / "docs" / "guides" / "operations.md"
CHAPTERS = ("Sizing", "Scaling out", "High availability", "Backup and restore", "Upgrade and roll-back")
PATIENCE_S = 300
pytestmark = pytest.mark.chaos


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A firm with look-alikes of its systems; the store is stopped, since the guide starts it."""
    with staged() as made:
        made.store.cluster.stop()
        yield made


def test_every_chapter_of_the_guide_is_run() -> None:
    assert tuple(re.findall(r"^## (.+)$", _GUIDE.read_text(), re.MULTILINE)) == CHAPTERS
    assert all(_commands(chapter) for chapter in CHAPTERS)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_commands_of_the_guide_do_what_it_says(chapter: str, stage: Stage, tmp_path: Path) -> None:
    script = "set -euxo pipefail\n" + "\n".join(_commands(chapter))
    shell = subprocess.Popen(
        ["bash", "-c", script], cwd=stage.config.parent, env=_environment(stage, tmp_path), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    ended_late = threading.Timer(PATIENCE_S, lambda: _end(shell))
    ended_late.start()
    try:
        words, _ = shell.communicate()
    finally:
        ended_late.cancel()
        _end(shell)
    assert shell.returncode == 0, words[-4000:]


def _commands(chapter: str) -> list[str]:
    text = _GUIDE.read_text().split(f"\n## {chapter}\n")[1].split("\n## ")[0]
    return re.findall(r"^```bash\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def _environment(stage: Stage, folder: Path) -> dict[str, str]:
    run_as = server_user()
    place = stage.folder / f"operator-{folder.name}"
    place.mkdir()
    if run_as is not None:
        os.chown(place, run_as.uid, run_as.gid)
    new = _following(folder)
    path = os.pathsep.join([str(_wrapped(folder / "old", "")), str(bin_folder(run_as)), os.environ["PATH"]])
    return {
        **os.environ, "PATH": path, "TIELINE_HOME": str(stage.settings.home), "DIR": str(place),
        "AS": f"runuser -u {run_as.name} --" if run_as else "", "OLD": str(folder / "old"), "NEW": str(new),
    }  # fmt: skip


def _following(folder: Path) -> Path:
    """The version after this one, as `tests/upgrades` makes it."""
    sys.path.insert(0, str(_ROOT / "tests" / "upgrades"))
    from trees import following

    _wrapped(folder / "new", str(following(folder / "tree")))
    return folder / "new"


def _wrapped(place: Path, source: str) -> Path:
    """A `bin` folder whose `tieline` is this interpreter's, with the code of `source`."""
    (place / "bin").mkdir(parents=True)
    command = place / "bin" / "tieline"
    before = f'env PYTHONPATH="{source}" ' if source else ""
    command.write_text(f'#!/bin/sh\nexec {before}"{sys.executable}" -m tieline.entrypoints.cli "$@"\n')
    command.chmod(command.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return place / "bin"


def _end(shell: subprocess.Popen[str]) -> None:
    """Whatever a box that failed has left running."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(shell.pid, number)
        except ProcessLookupError:
            return
        try:
            shell.wait(10)
        except subprocess.TimeoutExpired:
            continue

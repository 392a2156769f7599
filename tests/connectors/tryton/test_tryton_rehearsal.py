"""The rehearsal itself: a killed demo goes on with its books, a half-built cache is built again."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tieline.entrypoints.rehearsal import cache, process, tryton
from tieline.entrypoints.rehearsal.checks import Witness


@pytest.mark.real
def test_a_restarted_rehearsal_keeps_its_books_and_its_address(tmp_path: Path) -> None:
    state = tmp_path / "erp"
    with tryton.started(state) as first, closing(Witness(first.url, first.seed["key"], 1)) as witness:
        assert witness._http.post("party.party", json={"name": "Kept", "code": "kept"}).status_code == 200
    with tryton.started(state) as second, closing(Witness(second.url, second.seed["key"], 1)) as witness:
        assert witness.party("kept") is not None
        assert second.url == first.url and second.seed == first.seed
    with tryton.started(tmp_path / "other") as fresh, closing(Witness(fresh.url, fresh.seed["key"], 1)) as witness:
        assert witness.party("kept") is None


@pytest.mark.real
def test_what_a_killed_run_left_behind_is_ended_and_its_books_are_kept(tmp_path: Path) -> None:
    running = tryton.started(tmp_path)
    first = running.__enter__()
    with closing(Witness(first.url, first.seed["key"], 1)) as witness:
        witness._http.post("party.party", json={"name": "Kept", "code": "kept"})
    left = int((tmp_path / "trytond.pid").read_text())
    with tryton.started(tmp_path) as second, closing(Witness(second.url, second.seed["key"], 1)) as witness:
        assert witness.party("kept") is not None
        assert int((tmp_path / "trytond.pid").read_text()) != left
        assert not process._mentions(left, str(tmp_path))
    running.__exit__(None, None, None)


def test_a_pid_that_now_belongs_to_another_program_is_left_alone(tmp_path: Path) -> None:
    stranger = subprocess.Popen(["sleep", "60"])
    pid_file = tmp_path / "pid"
    pid_file.write_text(str(stranger.pid))
    try:
        process.end_leftover(pid_file, str(tmp_path))
        assert stranger.poll() is None and not pid_file.exists()
    finally:
        os.kill(stranger.pid, signal.SIGTERM)
        stranger.wait()


def test_a_half_built_system_is_built_again_and_a_whole_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIELINE_CACHE", str(tmp_path))
    builds: list[str] = []

    def breaks(folder: Path) -> None:
        (folder / "half").touch()
        raise process.RehearsalFailed("no network")

    def works(folder: Path) -> None:
        assert not (folder / "half").exists()
        builds.append("built")

    with pytest.raises(process.RehearsalFailed):
        cache.built_once("thing-1", breaks)
    assert cache.built_once("thing-1", works) == cache.built_once("thing-1", works) == tmp_path / "thing-1"
    assert builds == ["built"]


def test_a_program_that_fails_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(process.RehearsalFailed, match=r"sh ended with 3; see .*log.\nno books here"):
        process.run(["sh", "-c", "echo no books here; exit 3"], log, cwd=tmp_path)


def test_the_lock_names_every_package_with_hashes_and_no_host() -> None:
    lock = (Path(tryton.__file__).parent / "tryton.txt").read_text()
    packages = [line for line in lock.splitlines() if line and line[0] not in " #"]
    assert any(line.startswith("trytond==8.2") for line in packages) and len(packages) > 25
    assert lock.count("--hash=sha256:") >= len(packages) and "://" not in lock

"""A pytest plugin for one planted bug: refuses to run on other sources than the copy, and notes why the test failed."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

import tieline

_SOURCE, _REPORT = Path(os.environ["PLANTED_SOURCE"]), Path(os.environ["PLANTED_REPORT"])


def pytest_configure(config: pytest.Config) -> None:
    found = Path(tieline.__file__).resolve()
    if _SOURCE.resolve() not in found.parents:
        pytest.exit(f"the test would run against {found}, not against the copy with the bug", returncode=70)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Generator[None, Any, Any]:
    report = yield
    if report.outcome == "failed" or report.when == "call":
        kind = call.excinfo.type.__name__ if call.excinfo else ""
        line = str(call.excinfo.value).strip().splitlines()[:1] if call.excinfo else []
        with _REPORT.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"outcome": report.outcome, "when": report.when, "kind": kind, "line": line}) + "\n")
    return report

"""Finds the examinees by folder, starts each one's counterpart, and prints the reports."""

from __future__ import annotations

import asyncio
import importlib
import json
import pkgutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from tieline.conformance import CheckResult, ExamReport, ExamTarget, run_exam
from tieline.entrypoints.examining import examinees as _folder
from tieline.kit.errors import NotFound

Prepared = Callable[[Path], AbstractContextManager[ExamTarget]]


def examinees() -> dict[str, Prepared]:
    """Connector name -> how its counterpart is started. Each module in `examinees/` has one function `prepared`."""
    names = [module.name for module in pkgutil.iter_modules(_folder.__path__)]
    return {name: importlib.import_module(f"{_folder.__name__}.{name}").prepared for name in names}


def run(names: Sequence[str] = (), *, as_json: bool = False) -> bool:
    """True when every examined connector kept every promise. Raises NotFound for a name that nobody has."""
    known = examinees()
    if unknown := sorted(set(names) - set(known)):
        raise NotFound(f"There is no examinee {', '.join(unknown)}; known are {', '.join(sorted(known))}.")
    reports = [sit(known[name], told=None if as_json else _print) for name in sorted(names or known)]
    if as_json:
        sys.stdout.write(json.dumps({"reports": [report.as_json() for report in reports]}, ensure_ascii=False) + "\n")
    return all(report.passed for report in reports)


def sit(prepared: Prepared, told: Callable[[CheckResult], None] | None = None) -> ExamReport:
    with tempfile.TemporaryDirectory(prefix="tieline-exam-") as folder, prepared(Path(folder)) as target:
        if told is not None:
            sys.stdout.write(f"{target.connector.manifest.title}\n")
        return asyncio.run(run_exam(target, told=told))


def _print(result: CheckResult) -> None:
    subject = f"{result.check} ({result.kind})" if result.kind else result.check
    sys.stdout.write(f"  {result.status:<7} {subject}{': ' + result.detail if result.detail else ''}\n")
    sys.stdout.flush()

"""The exam's result: one line per promise and kind, plain enough for JSON and for a release note."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from tieline.kit.canonical import Json

Status = Literal["passed", "failed", "waived"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A promise that a connector does not keep yet, with the reason and the last day on which that is acceptable."""

    reason: str
    until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    check: str
    kind: str
    status: Status
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamReport:
    connector: str
    mapping_version: str
    results: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        return bool(self.results) and all(result.status != "failed" for result in self.results)

    def as_json(self) -> Json:
        counts = {status: sum(r.status == status for r in self.results) for status in ("passed", "failed", "waived")}
        rows = [{"check": r.check, "kind": r.kind, "status": r.status, "detail": r.detail} for r in self.results]
        return {
            "connector": self.connector,
            "mapping_version": self.mapping_version,
            "passed": self.passed,
            "counts": counts,
            "results": rows,
        }


def judged(check: str, kind: str, failure: str | None, waivers: Mapping[str, Waiver], today: date) -> CheckResult:
    """A waiver must be needed and must not have ended; otherwise it is itself a failure."""
    waiver = waivers.get(f"{check}:{kind}") or waivers.get(check)
    if waiver is None:
        return CheckResult(check=check, kind=kind, status="failed" if failure else "passed", detail=failure or "")
    if failure is None:
        return CheckResult(
            check=check, kind=kind, status="failed", detail="the waiver is not needed any more: remove it"
        )
    if today > waiver.until:
        detail = f"the waiver ended on {waiver.until.isoformat()}: {failure}"
        return CheckResult(check=check, kind=kind, status="failed", detail=detail)
    return CheckResult(check=check, kind=kind, status="waived", detail=f"{waiver.reason} ({failure})")

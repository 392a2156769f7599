"""Chooses the promises that a connector has given, examines each, and reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from tieline.conformance import telling, writing
from tieline.conformance.bench import Bench, Failed, bench_for
from tieline.conformance.pages import check_mapping_page
from tieline.conformance.report import CheckResult, ExamReport, judged
from tieline.conformance.samples import DOCUMENTS, ORDER
from tieline.conformance.target import ExamTarget
from tieline.kit.ids import uuid7

MAPPING_PAGE = "the-mapping-page-names-every-field"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One promise for one kind; `kind` is the topic for sources and empty for the mapping page."""

    name: str
    kind: str = ""

    def __str__(self) -> str:
        return f"{self.name}:{self.kind}" if self.kind else self.name


def checks_for(target: ExamTarget) -> tuple[Check, ...]:
    """In the order in which documents depend on each other, so that the first failure is the telling one."""
    can_expire = target.expire_tokens is not None
    kinds = [kind for kind in ORDER if (kind, "put") in target.connector.manifest.operations]
    writes = [
        Check(name=name, kind=kind)
        for kind in kinds
        for name in writing.WRITE_CHECKS
        if writing.applies(name, kind, target.connector, can_expire=can_expire)
    ]
    side = target.source
    tells = [
        Check(name=name, kind=side.topic)
        for name in telling.TELL_CHECKS
        if telling.applies(name, side, can_expire=can_expire)
    ] if side is not None else []  # fmt: skip
    return (Check(name=MAPPING_PAGE), *tells, *writes)


async def run_exam(
    target: ExamTarget, *, checks: Sequence[Check] | None = None, told: Callable[[CheckResult], None] | None = None
) -> ExamReport:
    """All promises, or `checks`; `told` hears each result as it comes. A failed promise does not stop the others."""
    results = []
    for check in checks_for(target) if checks is None else checks:
        results.append(await run_check(target, check))
        if told is not None:
            told(results[-1])
    manifest = target.connector.manifest
    return ExamReport(connector=manifest.name, mapping_version=manifest.mapping_version, results=tuple(results))


async def run_check(target: ExamTarget, check: Check, *, today: date | None = None) -> CheckResult:
    """One promise in a room of its own: what one check breaks does not reach the next."""
    failure: str | None = None
    try:
        async with bench_for(target, uuid7().hex) as bench:
            await _examine(bench, check)
    except Failed as why:
        failure = str(why)
    except Exception as error:  # whatever a connector raises is its answer in an exam
        failure = f"{type(error).__name__}: {error}"
    return judged(check.name, check.kind, failure, target.waivers, today or datetime.now(UTC).date())


async def _examine(bench: Bench, check: Check) -> None:
    side = bench.target.source
    if check.name == MAPPING_PAGE:
        operations = bench.target.connector.manifest.operations
        written = {kind: DOCUMENTS[kind] for kind in ORDER if (kind, "put") in operations}
        check_mapping_page(bench.target.connector, {**written, **(side.kinds if side else {})})
    elif side is not None and check.kind == side.topic:
        await telling.TELL_CHECKS[check.name](bench)
    else:
        await writing.WRITE_CHECKS[check.name](bench, check.kind)

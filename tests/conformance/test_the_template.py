"""The connector that people copy keeps every promise itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tieline import sdk
from tieline.conformance import ExamTarget, SampleTerms, run_exam
from tieline.connectors import discover
from tieline.connectors._template.connector import Example
from tieline.twins.process import Served, served


class Journal:
    """Creations; a replacement is not another document."""

    def __init__(self, twin: Served) -> None:
        self._twin = twin

    async def effects(self, envelope: sdk.Envelope) -> int:
        entries = await asyncio.to_thread(self._twin.journal)
        return int(any(entry["natural_key"] == envelope.marker for entry in entries))


async def test_the_template_passes_the_exam_as_it_stands(tmp_path: Path) -> None:
    with served("kv", tmp_path) as twin:
        report = await run_exam(
            ExamTarget(
                connector=Example,
                base_url=twin.url,
                settings={"token_ref": "env:EXAMPLE_TOKEN"},
                secrets={"token": sdk.Secret("canary-token")},
                overlay={"tax_code": {"S": "STANDARD"}},
                truth=Journal(twin),
                terms=SampleTerms(legal_entity="DE01", currency="EUR"),
            )
        )
    assert report.passed and len(report.results) == 8, report.as_json()


def test_the_template_is_not_a_connector_that_a_firm_can_choose() -> None:
    assert "example" not in discover()

"""The exam passes honest connectors and fails each dishonest one at the promise that it breaks."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from tieline import sdk
from tieline.conformance import Check, ExamTarget, SampleTerms, Waiver, checks_for, run_check, run_exam
from tieline.conformance.bench import Failed
from tieline.conformance.pages import check_mapping_page, named_fields
from tieline.twins.process import Served, served

sys.path.insert(0, str(Path(__file__).parent / "kv_connector"))
import connector as kv

LAG_S = 3.0


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served("kv", tmp_path_factory.mktemp("kv"), q_lag_s=LAG_S) as running:
        yield running


class Journal:
    """Counts how often a document came into being; replacing it is not another one."""

    def __init__(self, twin: Served) -> None:
        self._twin = twin

    async def effects(self, envelope: sdk.Envelope) -> int:
        entries = await asyncio.to_thread(self._twin.journal)
        mine = [entry["operation"] for entry in entries if entry["natural_key"] == envelope.marker]
        return mine.count("create") + min(mine.count("put"), 1)


def target(twin: Served, connector: type[sdk.Connector], **waivers: Waiver) -> ExamTarget:
    async def wait(seconds: float) -> None:
        await asyncio.to_thread(twin.advance, seconds)

    return ExamTarget(
        connector=connector,
        base_url=twin.url,
        overlay={"tax_code": {"STANDARD": "S"}},
        truth=Journal(twin),
        terms=SampleTerms(legal_entity="DE01", currency="EUR"),
        wait=wait,
        waivers={name.replace("_", "-"): waiver for name, waiver in waivers.items()},
    )


@pytest.mark.parametrize("connector", [kv.HonestQ, kv.HonestPut])
async def test_an_honest_connector_passes_every_promise(twin: Served, connector: type[sdk.Connector]) -> None:
    report = await run_exam(target(twin, connector))
    assert report.passed, report.as_json()
    assert len(report.results) >= 7


@pytest.mark.parametrize(
    ("connector", "promise"),
    [
        (kv.ClaimsAKeyThatTheVendorIgnores, "a-repeat-is-one-effect"),
        (kv.ClaimsAKeyThatTheVendorIgnores, "a-lost-answer-is-one-effect"),
        (kv.ForgetsTheRevision, "a-newer-revision-replaces"),
        (kv.DropsTheGone, "a-batch-read-keeps-its-order"),
        (kv.SpellsInItsOwnWay, "reads-back-what-it-wrote"),
        (kv.GuessesTheTaxCode, "an-unknown-word-is-blocked"),
        (kv.TakesAnUnknownOutcomeForAFailure, "a-lost-answer-is-one-effect"),
        (kv.LooksWithoutTheWindow, "a-lost-answer-is-one-effect"),
        (kv.FindsWhatIsNotThere, "finds-only-what-is-there"),
    ],
)
async def test_D1_a_dishonest_connector_fails_at_the_promise_that_it_breaks(
    twin: Served, connector: type[sdk.Connector], promise: str
) -> None:
    result = await run_check(target(twin, connector), Check(name=promise, kind="client"))
    assert result.status == "failed" and result.detail


async def test_a_waiver_holds_while_it_is_needed_and_not_ended(twin: Served) -> None:
    broken, check = kv.GuessesTheTaxCode, Check(name="an-unknown-word-is-blocked", kind="client")
    waiver = Waiver(reason="the vendor checks it", until=date(2026, 6, 30))
    examinee = target(twin, broken, an_unknown_word_is_blocked=waiver)
    assert (await run_check(examinee, check, today=date(2026, 6, 30))).status == "waived"
    assert (await run_check(examinee, check, today=date(2026, 7, 1))).status == "failed"
    needless = target(twin, kv.HonestQ, an_unknown_word_is_blocked=waiver)
    result = await run_check(needless, check, today=date(2026, 6, 1))
    assert result.status == "failed" and "not needed" in result.detail


def test_promises_follow_from_what_the_manifest_declares(twin: Served) -> None:
    asked = {check.name for check in checks_for(target(twin, kv.HonestQ))}
    assert "a-repeat-is-one-effect" not in asked and "a-posting-shows-in-the-ledger" not in asked


def test_a_mapping_page_counts_names_only_in_their_own_section() -> None:
    text = "# X\n\n## client → `party`\n\n`id`\n\n| field | note |\n|---|---|\n| address.city, name | a code |\n\n## project\n\n`name`\n"
    named = named_fields(text)
    assert {"id", "address", "name"} <= named["client"] and "code" not in named["client"]
    assert named["project"] == {"name"}


async def test_a_field_that_the_mapping_page_forgets_is_named() -> None:
    with pytest.raises(Failed, match=r"does not name time_entry\.id"):
        check_mapping_page(kv.HonestQ, {"client": sdk.Client, "time_entry": sdk.TimeEntry})

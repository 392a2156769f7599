"""Every hold has an owner, words that a person understands, and a runbook that says what to do."""

import re

import pytest

from tieline.domain.holds import CATALOGUE, finding, general_way_out, known_code

from .reference import ROOT

_SECTIONS = ["## What it means", "## Who acts", "## What to check", "## What resolves it", "## How to verify"]


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_a_hold_code_has_a_runbook_with_its_title_its_owner_and_all_sections(code: str) -> None:
    text = (ROOT / CATALOGUE[code].runbook).read_text(encoding="utf-8")
    assert text.startswith(f"# {CATALOGUE[code].title} (`{code}`)\n")
    assert [part for part in _SECTIONS if part in text] == _SECTIONS
    assert f"**{CATALOGUE[code].owner}**" in text
    assert len(text.split()) > 60


def test_no_runbook_is_left_over() -> None:
    assert {page.stem for page in (ROOT / "docs" / "runbooks").glob("[A-Z_]*.md")} == set(CATALOGUE)


def test_a_sentence_without_its_values_is_our_defect_and_is_found_at_once() -> None:
    with pytest.raises(KeyError):
        _ = finding("CLIENT_UNKNOWN", number="C-1").sentence


def test_text_from_a_record_is_never_taken_as_a_template() -> None:
    hostile = "{number.__class__}"
    assert hostile in finding("CLIENT_UNKNOWN", number="C-1", client_id=hostile).sentence


def test_the_code_of_an_error_finds_its_owner_and_an_unlisted_one_is_a_matter_of_integration() -> None:
    assert known_code("credential_invalid").code == "CREDENTIAL_INVALID"
    assert known_code("SOMETHING_NEW").owner == "integration"


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_a_way_out_without_a_case_has_no_open_placeholders(code: str) -> None:
    assert not re.search(r"[{}]", general_way_out(code)) and general_way_out(code).endswith(".")

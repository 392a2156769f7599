"""plan under another configuration, plan of everything, settle: what is asked of the hub, printed, and the exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_hub import BROKEN, Hub, running, tieline


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running(Hub()) as found:
        yield found


@pytest.fixture
def new(tmp_path: Path) -> Path:
    file = tmp_path / "new.yaml"
    file.write_text("tenants: {northwind: {}}\n", encoding="utf-8")
    return file


def test_a_plan_under_another_file_shows_what_is_created_there_and_what_is_left_here(
    hub: Hub, new: Path, tmp_path: Path
) -> None:
    shown = tieline("plan", "con_1", "--config", str(new), home=tmp_path, url=hub.url)
    assert hub.planned_under == [new.read_text()]
    assert "+ create project prj_1 in netsuite" in shown.stdout
    assert "4 replicas stay where they are in tryton (left, not deleted)" in shown.stdout
    assert "Plan: 4 to create, 0 to update, 0 to end." in shown.stdout
    assert f"tieline up --config {new}" in shown.stdout and "tieline apply" not in shown.stdout
    assert shown.returncode == 0


def test_a_detailed_exit_code_counts_the_changes_of_the_other_configuration(
    hub: Hub, new: Path, tmp_path: Path
) -> None:
    words = ("plan", "con_1", "-c", str(new), "--detailed-exitcode")
    assert tieline(*words, home=tmp_path, url=hub.url).returncode == 3
    hub.items = []
    shown = tieline(*words, home=tmp_path, url=hub.url)
    assert shown.returncode == 0 and "No changes" in shown.stdout and "tieline up" not in shown.stdout


def test_faults_of_the_other_file_carry_its_name_and_exit_2(hub: Hub, new: Path, tmp_path: Path) -> None:
    new.write_text(BROKEN)
    shown = tieline("plan", "con_1", "-c", str(new), home=tmp_path, url=hub.url)
    assert shown.returncode == 2 and f"{new} has 2 fault(s)." in shown.stderr
    assert f"{new}:1:10: tenants must be a group" in shown.stderr and f"{new}:2:1: home is missing" in shown.stderr
    document = json.loads(tieline("plan", "con_1", "-c", str(new), "--json", home=tmp_path, url=hub.url).stderr)
    assert (document["status"], document["code"], len(document["errors"])) == (422, "configuration_invalid", 2)


def test_a_file_that_is_not_there_is_said_before_the_hub_is_asked(hub: Hub, tmp_path: Path) -> None:
    shown = tieline("plan", "con_1", "-c", str(tmp_path / "none.yaml"), home=tmp_path, url=hub.url)
    assert shown.returncode == 2 and "cannot be read" in shown.stderr and hub.planned_under == []


def test_the_plan_of_everything_counts_per_system_and_kind(hub: Hub, new: Path, tmp_path: Path) -> None:
    hub.contracts.append({**hub.contracts[0], "id": "con_2"})
    words = ("plan", "--all", "-c", str(new))
    shown = tieline(*words, "--detailed-exitcode", home=tmp_path, url=hub.url)
    assert shown.returncode == 3
    for line in (
        "Plan for 2 contracts, of which 2 change",
        "+ create 2 × billing rule in netsuite",
        "8 replicas stay where they are in tryton (left, not deleted)",
        "Plan: 8 to create, 0 to update, 0 to end.",
    ):
        assert line in shown.stdout
    document = json.loads(tieline(*words, "--json", home=tmp_path, url=hub.url).stdout)
    assert document["contracts_that_change"] == ["con_1", "con_2"]
    assert document["left"] == [{"system": "tryton", "count": 8}]
    assert {each["count"] for each in document["changes"]} == {2}


def test_the_plan_of_everything_without_another_file_counts_what_holds_too(hub: Hub, tmp_path: Path) -> None:
    shown = tieline("plan", "--all", home=tmp_path, url=hub.url)
    assert "! hold  1 × TAX_CODE_UNKNOWN" in shown.stdout and "~ update 1 × billing rule in tryton" in shown.stdout


def test_plan_wants_one_contract_or_all(hub: Hub, tmp_path: Path) -> None:
    for words in (("plan",), ("plan", "con_1", "--all")):
        shown = tieline(*words, home=tmp_path, url=hub.url)
        assert shown.returncode == 2 and "Name one contract, or --all." in shown.stderr


def test_settle_says_what_was_seen_and_never_both(hub: Hub, tmp_path: Path) -> None:
    for words in (("settle", "h1"), ("settle", "h1", "--there", "B-1", "--not-there")):
        assert tieline(*words, home=tmp_path, url=hub.url).returncode == 2
    assert hub.orders == []
    there = tieline("settle", "h1", "--there", "B-1", home=tmp_path, url=hub.url)
    gone = tieline("settle", "h1", "--not-there", home=tmp_path, url=hub.url)
    assert (there.returncode, gone.returncode) == (0, 0)
    assert "counts as written under B-1" in there.stdout and "sent once more" in gone.stdout
    assert [(path, body) for path, _, body in hub.orders] == [
        ("/process/v1/holds/h1/settle", {"external_id": "B-1"}),
        ("/process/v1/holds/h1/settle", {"happened": False}),
    ]


def test_resolve_finds_the_hold_by_its_document_and_says_which_of_two_things_is_true(hub: Hub, tmp_path: Path) -> None:
    lost = "netsuite/invoice/inv_1"
    for words in (("resolve", lost), ("resolve", lost, "--happened", "77", "--did-not-happen")):
        assert tieline(*words, home=tmp_path, url=hub.url).returncode == 2
    other = tieline("resolve", "netsuite/invoice/inv_2", "--did-not-happen", home=tmp_path, url=hub.url)
    assert other.returncode != 0 and "does not wait for a person" in other.stderr and hub.orders == []
    there = tieline("resolve", lost, "--happened", "77", home=tmp_path, url=hub.url)
    gone = tieline("resolve", lost, "--did-not-happen", home=tmp_path, url=hub.url)
    assert "counts as written under 77" in there.stdout and "sent once more" in gone.stdout
    assert [(path, body) for path, _, body in hub.orders] == [
        ("/process/v1/holds/h9/settle", {"external_id": "77"}),
        ("/process/v1/holds/h9/settle", {"happened": False}),
    ]


def test_a_broken_configuration_is_a_problem_document_with_status_422(tmp_path: Path) -> None:
    file = tmp_path / "tieline.yaml"
    file.write_text("tenants:\n  northwind:\n    legal_entitys: {}\n")
    shown = tieline("config", "check", str(file), "--json", home=tmp_path)
    document = json.loads(shown.stderr)
    assert (shown.returncode, document["status"], document["code"]) == (2, 422, "configuration_invalid")
    assert document["errors"] and shown.stdout == ""


def test_a_word_that_no_command_knows_is_a_problem_document_for_scripts(tmp_path: Path) -> None:
    for words in (("list", "planets", "--json"), ("apply", "--json"), ("plan", "con_1", "--confg", "x", "--json")):
        shown = tieline(*words, home=tmp_path)
        document = json.loads(shown.stderr)
        assert (shown.returncode, document["status"], document["code"]) == (2, 400, "usage")
        assert document["detail"] and "--help" in document["way_out"] and shown.stdout == ""

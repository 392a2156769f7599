"""The command line as people and scripts meet it: what is printed, where, and with which exit code."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_hub import DIGEST, KEY, Hub, running, tieline

from tieline.entrypoints.cli.connection import Connection, save


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running(Hub()) as found:
        yield found


def test_help_lists_every_command_in_under_four_tenths_of_a_second(tmp_path: Path) -> None:
    """The best of five: the machine may be busy with something else."""
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        shown = tieline("--help", home=tmp_path)
        seconds.append(time.perf_counter() - began)
        assert shown.returncode == 0
    for word in [
        "up",
        "demo",
        "plan",
        "apply",
        "get",
        "list",
        "trace",
        "retry",
        "release",
        "doctor",
        "twin",
        "exam",
        "bench",
        "config",
        "version",
    ]:
        assert f"│ {word} " in shown.stdout
    assert min(seconds) < 0.4


def test_a_contract_list_is_one_json_document_and_nothing_else(hub: Hub, tmp_path: Path) -> None:
    shown = tieline("list", "contracts", "--json", home=tmp_path, url=hub.url)
    assert [row["id"] for row in json.loads(shown.stdout)] == ["con_1"]
    assert shown.returncode == 0 and shown.stderr == ""


def test_an_empty_list_is_an_empty_array(hub: Hub, tmp_path: Path) -> None:
    hub.contracts.clear()
    assert json.loads(tieline("list", "contracts", "--json", home=tmp_path, url=hub.url).stdout) == []
    assert "No contracts." in tieline("list", "contracts", home=tmp_path, url=hub.url).stdout


def test_json_lines_begin_with_the_schema(hub: Hub, tmp_path: Path) -> None:
    lines = tieline("list", "contracts", "--jsonl", home=tmp_path, url=hub.url).stdout.splitlines()
    assert json.loads(lines[0]) == {"type": "version", "schema": "1.0"}
    assert json.loads(lines[1])["id"] == "con_1"


def test_a_wrong_key_exits_4_with_a_problem_document_on_stderr(hub: Hub, tmp_path: Path) -> None:
    shown = tieline("list", "contracts", "--json", home=tmp_path, url=hub.url, key="tl_wrong")
    assert shown.returncode == 4 and shown.stdout == ""
    assert json.loads(shown.stderr)["code"] == "unauthenticated"


def test_a_contract_that_is_not_there_exits_5(hub: Hub, tmp_path: Path) -> None:
    shown = tieline("get", "contract", "con_9", home=tmp_path, url=hub.url)
    assert shown.returncode == 5 and "There is no contract con_9 here." in shown.stderr


def test_a_hub_that_does_not_run_exits_8_and_says_how_to_start_one(tmp_path: Path) -> None:
    unknown = tieline("list", "contracts", home=tmp_path)
    assert unknown.returncode == 8 and "tieline demo" in unknown.stderr
    gone = tieline("list", "contracts", home=tmp_path, url="http://127.0.0.1:9")
    assert gone.returncode == 8 and "does not answer" in gone.stderr


def test_an_unknown_word_exits_2(tmp_path: Path) -> None:
    assert tieline("list", "planets", home=tmp_path).returncode == 2


def test_a_plan_reads_like_terraforms_and_ends_with_the_line_that_applies_it(hub: Hub, tmp_path: Path) -> None:
    shown = tieline("plan", "con_1", home=tmp_path, url=hub.url)
    for line in (
        "+ create project prj_1 in tryton",
        "+ name: Data platform",
        "~ update billing rule bil_1 in tryton",
        "~ rate: EUR 150 → EUR 165",
        "- end work breakdown wbs_9 in tryton",
        "= client cli_1 in tryton (no change)",
        "Tax code REDUCED of contract NW-1 has no rate for legal entity DE01.",
        "Plan: 1 to create, 1 to update, 1 to end.",
        "tieline apply pln_1",
    ):
        assert line in shown.stdout
    assert shown.returncode == 0


def test_a_detailed_exit_code_is_3_with_changes_and_0_without(hub: Hub, tmp_path: Path) -> None:
    assert tieline("plan", "con_1", "--detailed-exitcode", home=tmp_path, url=hub.url).returncode == 3
    hub.items = [hub.items[-1]]
    shown = tieline("plan", "con_1", "--detailed-exitcode", home=tmp_path, url=hub.url)
    assert shown.returncode == 0 and "No changes" in shown.stdout


def test_apply_asks_and_without_anybody_to_answer_changes_nothing(hub: Hub, tmp_path: Path) -> None:
    shown = tieline("apply", "pln_1", home=tmp_path, url=hub.url, stdin="y\n")
    assert shown.returncode == 2 and "--yes" in shown.stderr
    assert hub.orders == []


def test_apply_applies_exactly_the_plan_that_was_shown_and_prints_its_certificate(hub: Hub, tmp_path: Path) -> None:
    shown = tieline("apply", "pln_1", "--yes", home=tmp_path, url=hub.url)
    assert shown.returncode == 0
    assert "EUR 150 → EUR 165" in shown.stderr
    assert "✓ billing rule bil_1 in tryton, read back 2026-04-10 08:00:09" in shown.stdout
    assert hub.orders == [("/process/v1/plans/pln_1/apply", '"apply-pln_1"', {"digest": DIGEST})]


def test_a_plan_that_is_stale_when_shown_exits_6(hub: Hub, tmp_path: Path) -> None:
    hub.plan_state = "stale"
    shown = tieline("apply", "pln_1", "--yes", home=tmp_path, url=hub.url)
    assert shown.returncode == 6 and "tieline plan" in shown.stderr
    assert hub.orders == []


def test_a_plan_that_the_world_overtook_between_showing_and_applying_exits_6(hub: Hub, tmp_path: Path) -> None:
    hub.moved = True
    shown = tieline("apply", "pln_1", "--yes", home=tmp_path, url=hub.url)
    assert shown.returncode == 6 and "has moved" in shown.stderr
    assert hub.orders == []


def test_an_invoice_is_shown_with_its_digest_and_released_by_it(hub: Hub, tmp_path: Path) -> None:
    shown = tieline("release", "inv_1", "--yes", home=tmp_path, url=hub.url)
    assert shown.returncode == 0
    assert "total EUR 1,440.00" in shown.stderr and DIGEST in shown.stderr
    assert hub.orders == [("/process/v1/invoices/inv_1/release", '"release-inv_1"', {"digest": DIGEST})]


def test_a_trace_is_a_tree_with_times_systems_external_ids_and_outcomes(hub: Hub, tmp_path: Path) -> None:
    lines = tieline("trace", "con_1", home=tmp_path, url=hub.url).stdout.splitlines()
    assert lines[1] == "└─ 2026-03-01 09:00:00  ironclad  contract.signed.v1"
    assert lines[2] == "   └─ 2026-03-01 09:00:01  tryton  put project  [17]  ok"


def test_retry_takes_one_contract_or_one_hold(hub: Hub, tmp_path: Path) -> None:
    assert tieline("retry", home=tmp_path, url=hub.url).returncode == 2
    assert tieline("retry", "con_1", home=tmp_path, url=hub.url).returncode == 0
    assert tieline("retry", "--hold", "h1", home=tmp_path, url=hub.url).returncode == 0
    assert [order[0] for order in hub.orders] == ["/process/v1/contracts/con_1/retry", "/process/v1/holds/h1/retry"]


def test_the_doctor_names_what_is_wrong_and_the_way_out_and_exits_3(hub: Hub, tmp_path: Path) -> None:
    shown = tieline("doctor", home=tmp_path, url=hub.url)
    assert shown.returncode == 3
    assert "✗ durability" in shown.stdout and "way out: switch it on" in shown.stdout
    assert "✓ python" in shown.stdout
    assert re.search("✓ system tryton +holds nothing of ours yet", shown.stdout)


def test_the_doctor_shows_which_system_is_down_since_when_and_why(hub: Hub, tmp_path: Path) -> None:
    hub.tryton_is = {
        "circuit": "half_open", "circuit_since": "2026-03-02T08:00:00+00:00", "circuit_reason": "It does not answer.",
    }  # fmt: skip
    shown = tieline("doctor", home=tmp_path, url=hub.url).stdout
    assert re.search("✗ circuit tryton +half open since 2026-03-02 08:00:00 UTC: It does not answer.", shown)
    assert "closes with the first answer" in shown
    hub.tryton_is = {"circuit": "closed"}
    assert re.search("✓ circuit tryton +closed", tieline("doctor", home=tmp_path, url=hub.url).stdout)


def test_the_doctor_shows_what_is_left_of_a_budget_and_what_is_kept(hub: Hub, tmp_path: Path) -> None:
    day = {"limit": 1000, "used": 850, "left": 150, "kept_from": {"census": 200, "state": 20}, "stopped": ["census"]}
    budget = {
        "at_once": 15, "leased": 6, "free": 9, "workers": 2, "kept_for_listings": 1, "day": None, "calls": 900,
        "turned_away": 4, "paused_until": "2026-03-02T08:00:00+00:00", "reason": "it asks for fewer calls",
    }  # fmt: skip
    hub.tryton_is = {"budget": budget}
    shown = tieline("doctor", home=tmp_path, url=hub.url).stdout
    assert re.search(
        "✓ budget tryton +9 of 15 calls at once are free, 1 of them kept for listings; 6 leased by 2", shown
    )
    assert "silent until 2026-03-02 08:00:00 UTC: it asks for fewer calls; 4 of 900 calls were turned away" in shown
    hub.tryton_is = {"budget": {**budget, "day": day}}
    shown = tieline("doctor", home=tmp_path, url=hub.url).stdout
    assert re.search("✗ budget tryton .*150 of 1,000 calls of the day are left .*wait for tomorrow: census", shown)
    assert "anew at midnight UTC" in shown


def test_holds_are_listed_with_owner_and_way_out_also_those_that_belong_to_no_contract(
    hub: Hub, tmp_path: Path
) -> None:
    row = tieline("list", "holds", home=tmp_path, url=hub.url).stdout
    for said in ("con_1", "finance", "Add it to the taxes of DE01.", "legalEntity is 'DE09'."):
        assert said in row


def test_a_reader_that_goes_away_is_no_error(hub: Hub, tmp_path: Path) -> None:
    hub.contracts = [{**hub.contracts[0], "id": f"con_{n}"} for n in range(20_000)]
    command = f"{sys.executable} -m tieline.entrypoints.cli list contracts --jsonl; echo exit $? >&2"
    environment = {**os.environ, "TIELINE_URL": hub.url, "TIELINE_API_KEY": KEY, "TIELINE_HOME": str(tmp_path)}
    piped = ["bash", "-c", f"({command}) | head -n 1"]
    shown = subprocess.run(piped, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert "exit 0" in shown.stderr and "Traceback" not in shown.stderr


def test_the_stored_connection_is_for_its_owner_only(tmp_path: Path) -> None:
    path = save(tmp_path, Connection(url="http://127.0.0.1:1", api_key=KEY))
    save(tmp_path, Connection(url="http://127.0.0.1:2", api_key=KEY))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["url"] == "http://127.0.0.1:2"


def test_a_broken_configuration_exits_2_with_file_line_and_nearest_match(tmp_path: Path) -> None:
    file = tmp_path / "tieline.yaml"
    file.write_text("tenants:\n  northwind:\n    legal_entitys: {}\n")
    shown = tieline("config", "check", str(file), home=tmp_path)
    assert shown.returncode == 2
    assert f"{file}:3:5" in shown.stderr and "did you mean 'legal_entities'" in shown.stderr


def test_no_colour_leaves_the_terminal_when_nobody_would_see_it(hub: Hub, tmp_path: Path) -> None:
    for words in (["list", "contracts"], ["plan", "con_1"], ["doctor"]):
        assert "\x1b[" not in tieline(*words, home=tmp_path, url=hub.url).stdout

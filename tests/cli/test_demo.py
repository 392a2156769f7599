"""The demonstration as a whole, killed on the way: the one promise that everybody tries first."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from cli_hub import command_line

pytestmark = pytest.mark.real


def test_the_demonstration_survives_a_kill_and_every_system_itself_confirms_the_books(tmp_path: Path) -> None:
    shown = command_line("demo", "--json", home=tmp_path, timeout_s=400)
    assert shown.returncode == 0, shown.stderr[-3000:]
    told = json.loads(shown.stdout)
    assert told["in_step"]
    assert [(system["name"], system["real"]) for system in told["systems"]] == [
        ("ironclad", False),
        ("tryton", True),
        ("netsuite", False),
        ("mailbox", False),
    ]
    assert all(check["ok"] for system in told["systems"] for check in system["checks"])
    moves = {move["system"]: move for move in told["ledger"]}
    receivable = {name: max(float(line["debit"]) for line in move["lines"]) for name, move in moves.items()}
    assert receivable == {"tryton": 2925.0, "netsuite": 1260.0}
    types = [event["type"] for event in told["events"]]
    assert types.count("dev.tieline.contract.activated.v1") == types.count("dev.tieline.invoice.posted.v1") == 2
    mailbox = next(system for system in told["systems"] if system["role"] == "notices")
    announced = next(check["seen"] for check in mailbox["checks"] if check["what"].startswith("invoices told"))
    posted = [move["invoice"] for move in told["ledger"]]
    assert announced == ", ".join(sorted(posted)), "each posted invoice was announced exactly once"
    assert "SIGKILL" in shown.stderr
    left = subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True, text=True, check=False).stdout
    assert left == "", "everything that the demonstration started has ended"

"""Every file in `bad_input/` is one situation: what arrives, what people read, what they put right, how it ends."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from scn_papers import Record, agreement, amendment, contract_number, day
from stage import Stage, contract_of, line_of, until

from tieline.entrypoints.demo import inbox

Doc = dict[str, Any]
FILES = sorted((Path(__file__).parent / "bad_input").glob("*.json"))
OWNERS = {"pmo", "finance", "legal", "sales", "delivery", "integration"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_bad_input_is_held_and_goes_on_once_put_right(file: Path, firm_stage: Stage) -> None:
    told = json.loads(file.read_text())
    case = Case(firm_stage, told)
    hold = case.held(told["held"]["code"])
    reads_well(hold, told["held"], case.number)
    case.nothing_wrong_was_done()
    case.put_right()
    firm_stage.until_lifted(hold)
    case.ended_well()


def reads_well(hold: Doc, expected: Doc, number: str) -> None:
    """A project manager understands it: whose turn, what is wrong with which field, where to put it right."""
    assert hold["owner"] == expected["owner"] in OWNERS
    missing = [word for word in expected["says"] if word.format(number=number) not in hold["sentence"]]
    assert not missing, f"{missing} not in: {hold['sentence']}"
    absent = [word for word in expected["way_out"] if word not in hold["way_out"]]
    assert not absent, f"{absent} not in: {hold['way_out']}"
    for text in (hold["sentence"], hold["way_out"]):
        assert text.endswith(".") and not {"None", "Error(", "{", "Traceback"} & set(text.split())
    if "amount" in expected:
        assert f"{float(hold['amount']['amount']):.2f}" == expected["amount"]


class Case:
    """One situation on the stage: the paper, its amendments, its hours."""

    def __init__(self, stage: Stage, told: Doc) -> None:
        self.stage, self.told = stage, told
        more = {"lines": [tuple(line) for line in told["lines"]]} if "lines" in told else {}
        self.paper = agreement(**more, **told.get("paper", {}))
        self.number = contract_number(self.paper)
        self.contract = stage.sign(self.paper)
        self.amendments, self.entries = [], list[Doc]()
        self.about: Record = self.paper
        if {"amendments", "hours"} & told.keys():
            stage.until_known(self.contract)
            self._arrive()

    def held(self, code: str) -> Doc:
        """On the last entry where hours are the matter, else on the last paper."""
        if self.entries and not self.amendments:
            return self.stage.hold_on(f"time_entry:{self.entries[-1]['id']}", code)
        return self.stage.hold_about(self.about, code)

    def nothing_wrong_was_done(self) -> None:
        seen = self.stage.known(self.contract)
        if self.told.get("nothing_written"):
            assert not (seen or {}).get("replicas"), "nothing is created from a paper that cannot be right"
        if "charges_before" in self.told:
            seen = self.stage.until_charged(self.contract, self.told["charges_before"])
            if "charged_at" in self.told:
                key = next(r["key"] for r in seen["replicas"] if r["kind"] == "time_charge")
                charge = self.stage.get(f"/system/v1/systems/netsuite/time_charge/{key}")["observed"]
                assert float(charge["rate"]["amount"]) == float(self.told["charged_at"])
        if "rate_before" in self.told:
            self._until_rate(self.told["rate_before"])

    def put_right(self) -> None:
        fix = self.told["fix"]
        if "paper" in fix:
            self.stage.correct(self.paper, **fix["paper"])
        if "hours" in fix:
            self.entries[-1] |= fix["hours"]
            self._hand_in(self.entries[-1])
        if "amendment" in fix:
            self._amend(fix["amendment"])
        if "amended" in fix:
            self.stage.correct(self.amendments[-1], **fix["amended"])
        if "renumber" in fix:
            self.stage.correct(self.amendments[-1], amendmentNumber=fix["renumber"])

    def ended_well(self) -> None:
        if "rate" in self.told:
            self._until_rate(self.told["rate"])
        if "charges" in self.told:
            self.stage.until_charged(self.contract, self.told["charges"])
        self.stage.until_in_step(self.contract)

    def _arrive(self) -> None:
        for each in self.told.get("amendments", ()):
            self._amend(each)
        for each in self.told.get("hours", ()):
            self.entries.append({"id": f"te_{uuid4().hex[:20]}", "by": "lead@northwind.example", "line": 1, **each})
            self._hand_in(self.entries[-1])

    def _amend(self, each: Doc) -> None:
        paper = amendment(self.paper, each["number"], each["rate"], each["starts"], line=each.get("line", 1))
        self.stage.sign(paper, datetime.combine(day(each["signed"]), datetime.min.time(), UTC) + timedelta(hours=9))
        self.amendments.append(paper)
        self.about = paper

    def _hand_in(self, entry: Doc) -> None:
        """Entries arrive one after the other, as a person approves them."""
        event = inbox.approved_hours(
            contract_id=self.contract, line_id=line_of(self.paper, entry["line"]), resource_id="res_dana",
            work_date=day(entry["on"]), hours=entry["hours"], narrative=entry.get("why", entry["id"]),
        )  # fmt: skip
        event["data"] |= {"id": entry["id"], "approved_by": entry["by"]}
        self.stage.hand_in(event)

    def _until_rate(self, rate: str) -> None:
        """The rate of the first line in the ERP, applying what waits for a yes on the way."""

        def found() -> bool:
            seen = self.stage.contract(self.contract)
            for plan in seen["plans"]:
                self.stage.post(f"/process/v1/plans/{plan['plan_id']}/apply")
            rules = [r for r in seen["replicas"] if r["kind"] == "billing_rule"]
            if not rules or any(r["status"] != "in_step" for r in rules):
                return False
            rule = self.stage.get(f"/system/v1/systems/netsuite/billing_rule/{rules[0]['key']}")
            return float(rule["observed"]["rate"]["amount"]) == float(rate)

        until(f"the rate {rate} in the ERP of {contract_of(self.paper)}", found)

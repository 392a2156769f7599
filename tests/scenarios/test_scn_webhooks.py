"""What the CLM says late, twice, broken or never: the contract is set up once, and nothing is believed that is not signed."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx2
import pytest
from scn_papers import Record, agreement, amendment
from stage import Stage, contract_of, created_once, until

from conftest import Theatre
from tieline.twins.process import Served

EVENT = "record_contract_status_changed"


def spoiled(stage: Stage, code: str, **more: object) -> None:
    """The next delivery of the CLM meets this fault, once."""
    stage.clm.faults([{"match": {"method": "HOOK"}, "fault": {"code": code, **more}, "times": 1}])


def deliveries(stage: Stage) -> list[dict[str, object]]:
    found: list[dict[str, object]] = stage.clm.control("deliveries")["deliveries"]
    return found


def test_F18_a_webhook_that_comes_twenty_times_sets_up_one_contract(firm_stage: Stage, erp: Served) -> None:
    before, paper = len(deliveries(firm_stage)), agreement()
    spoiled(firm_stage, "F18", copies=20)
    contract = firm_stage.sign(paper)
    seen = firm_stage.until_in_step(contract)
    until("all copies answered", lambda: all(d["state"] == "delivered" for d in deliveries(firm_stage)[before:]))
    assert len(deliveries(firm_stage)) == before + 20
    assert len([one for one in firm_stage.inputs_of(contract) if one["detail"]["channel"] == "webhook"]) == 1
    created_once(erp, seen)


@pytest.mark.parametrize("shape", ["old_timestamp", "half_body", "wrong_signature"])
def test_F21_a_delivery_that_is_old_half_or_wrongly_signed_is_refused_and_a_good_one_goes_on(
    firm_stage: Stage, shape: str
) -> None:
    before, paper = len(deliveries(firm_stage)), agreement()
    spoiled(firm_stage, "F21", shape=shape)
    contract = firm_stage.sign(paper)
    until("the refusal", lambda: deliveries(firm_stage)[before]["status"] == 401)
    assert firm_stage.known(contract) is None
    firm_stage.signed(paper)  # the CLM says it once more, this time well
    firm_stage.until_in_step(contract)


def test_X27_an_unsigned_message_is_refused_in_words_that_say_what_to_do(firm_stage: Stage) -> None:
    body = {"companyID": "c", "payload": {"event": EVENT, "recordID": "r"}, "timestamp": datetime.now(UTC).isoformat()}
    answer = httpx2.post(firm_stage.hook("ironclad"), json=body)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert "Ironclad signature" in answer.json()["detail"]


def test_F24_a_webhook_that_comes_before_its_record_is_asked_again_and_nobody_is_bothered(
    firm_stage: Stage, erp: Served
) -> None:
    spoiled(firm_stage, "F24", lag_s=1.5)
    contract = firm_stage.sign(agreement())
    created_once(erp, firm_stage.until_in_step(contract))
    assert firm_stage.holds_seen(contract) == []


def test_a_record_that_was_announced_and_never_comes_is_told_with_its_way_out(
    theatre: Theatre, firm_stage: Stage, erp: Served
) -> None:
    hold = firm_stage.hold_about(theatre.ghost, "SOURCE_GONE")
    assert (hold["owner"], hold["contract_id"]) == ("integration", None)
    assert "announced but is not there any more" in hold["sentence"] and "restore it there and retry" in hold["way_out"]
    firm_stage.clm.advance(3600)
    try:
        firm_stage.retry(hold)
        created_once(erp, firm_stage.until_in_step(contract_of(theatre.ghost)))
        firm_stage.until_lifted(hold)
    finally:
        firm_stage.clm.control("clock", {"offset_s": 0})


def test_F19_an_amendment_that_overtakes_its_contract_is_applied_all_the_same(firm_stage: Stage, erp: Served) -> None:
    paper = agreement()
    spoiled(firm_stage, "F19", behind=1)
    contract = firm_stage.sign(paper)
    firm_stage.sign(_dearer(paper))
    created_once(erp, firm_stage.until_in_step(contract))
    rule = next(r for r in firm_stage.contract(contract)["replicas"] if r["kind"] == "billing_rule")
    seen = firm_stage.get(f"/system/v1/systems/netsuite/billing_rule/{rule['key']}")["observed"]
    assert float(seen["rate"]["amount"]) in (200.0, 210.0)


def _dearer(paper: Record) -> Record:
    return amendment(paper, 1, "210", -9)

"""Lakeside polls its CLM every second, and wants its CRM's yes before anything is set up."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from scn_papers import Record, agreement, amendment, client_name, contract_number
from stage import Stage, contract_of, created_once, executed, position

from tieline.twins.process import Served


def crm_says_yes(stage: Stage, paper: Record) -> None:
    """The CRM's event when an opportunity is won and approved."""
    now = datetime.now(UTC).isoformat()
    approval = {
        "id": f"apr_{uuid4().hex[:20]}", "contract_id": contract_of(paper), "approved_by": "sales@lakeside.example",
        "approved_at": now,
    }  # fmt: skip
    stage.hand_in(
        {
            "specversion": "1.0", "id": str(uuid4()), "source": "/northwind/crm", "time": now,
            "type": "dev.tieline.contract.approved.v1", "data": approval,
        }
    )  # fmt: skip


def test_a_contract_waits_for_the_crm_and_goes_on_when_its_approval_comes(lakeside: Stage, erp: Served) -> None:
    paper, start = agreement(), position(erp)
    contract = lakeside.sign(paper)
    hold = lakeside.hold_of(contract, "APPROVAL_MISSING")
    assert hold["owner"] == "sales"
    assert contract_number(paper) in hold["sentence"] and "approval from the CRM" in hold["sentence"]
    assert contract in hold["way_out"]
    assert lakeside.contract(contract)["replicas"] == [] and executed(erp, start) == []
    crm_says_yes(lakeside, paper)
    lakeside.until_lifted(hold)
    created_once(erp, lakeside.until_in_step(contract))


def test_F20_a_webhook_that_is_never_sent_is_made_good_by_polling(lakeside: Stage, erp: Served) -> None:
    paper = agreement()
    lakeside.clm.faults([{"match": {"method": "HOOK"}, "fault": {"code": "F20"}, "times": 1}])
    contract = lakeside.sign(paper)
    crm_says_yes(lakeside, paper)
    created_once(erp, lakeside.until_in_step(contract))
    channels = {one["detail"]["channel"] for one in lakeside.inputs_of(contract) if one["system"] == "ironclad"}
    assert channels == {"poll"}


def test_an_unsigned_contract_is_held_and_goes_on_with_the_signature(lakeside: Stage, erp: Served) -> None:
    paper = agreement()
    lakeside.draft(paper)
    crm_says_yes(lakeside, paper)
    hold = lakeside.hold_of(contract_of(paper), "CONTRACT_NOT_SIGNED")
    assert hold["owner"] == "legal" and f"{contract_number(paper)} is draft, not signed" in hold["sentence"]
    assert hold["way_out"].startswith("Complete the signature in the CLM")
    assert lakeside.contract(contract_of(paper))["replicas"] == []
    contract = lakeside.signed(paper)
    created_once(erp, lakeside.until_in_step(contract))
    assert client_name(paper) == lakeside.contract(contract)["client"]


def test_an_unsigned_amendment_changes_no_rate_until_it_is_signed(lakeside: Stage, erp: Served) -> None:
    paper = agreement()
    contract = lakeside.sign(paper)
    crm_says_yes(lakeside, paper)
    lakeside.until_in_step(contract)
    draft = amendment(paper, 1, "210", -9)
    lakeside.draft(draft)
    hold = lakeside.hold_of(contract, "AMENDMENT_UNSIGNED")
    assert hold["owner"] == "legal" and "Amendment 1" in hold["sentence"] and "changes no rate" in hold["sentence"]
    assert "signature in the CLM" in hold["way_out"]
    lakeside.signed(draft)
    lakeside.until_lifted(hold)
    seen = lakeside.until_in_step(contract)
    rule = next(r["key"] for r in seen["replicas"] if r["kind"] == "billing_rule")
    observed = lakeside.get(f"/system/v1/systems/netsuite/billing_rule/{rule}")["observed"]
    assert float(observed["rate"]["amount"]) == 210

from __future__ import annotations

from scn_papers import agreement, day
from stage import Stage, created_once

from tieline.twins.process import Served


def test_a_signed_contract_goes_to_the_ledger(firm_stage: Stage, erp: Served) -> None:
    contract = firm_stage.sign(agreement())
    firm_stage.until_in_step(contract)
    firm_stage.approve_hours(contract, "8", day(-3))
    firm_stage.until_charged(contract, 1)
    invoice = firm_stage.billed(contract)
    assert firm_stage.ledger("netsuite", invoice["id"]) == {"1200": "1920.00", "4001": "-1600.00", "2200": "-320.00"}
    created_once(erp, firm_stage.until_in_step(contract))

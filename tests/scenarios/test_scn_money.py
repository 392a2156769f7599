"""From hours to the ledger, to the cent: what is billed, what is refused, and what a second click does not do."""

from __future__ import annotations

from uuid import uuid4

from scn_papers import Line, agreement, amendment, contract_number, day
from stage import Stage, created_once, executed, line_of, position, until

from tieline.twins.process import Served


def test_EX_2_1_three_half_hours_at_185_25_are_277_89_in_the_ledger(firm_stage: Stage, erp: Served) -> None:
    contract = firm_stage.sign(agreement(lines=[("Advice", "DATA", "10", "185.25")], tax="EXEMPT"))
    firm_stage.until_in_step(contract)
    for offset in (-5, -4, -3):
        firm_stage.approve_hours(contract, "0.5", day(offset))
    firm_stage.until_charged(contract, 3)
    invoice = firm_stage.billed(contract)
    assert [line["amount"]["amount"] for line in invoice["document"]["lines"]] == ["92.63"] * 3
    assert firm_stage.ledger("netsuite", invoice["id"]) == {"1200": "277.89", "4001": "-277.89"}


def test_EX_2_2_tax_is_taken_of_the_sum_and_not_line_by_line(firm_stage: Stage, erp: Served) -> None:
    lines: list[Line] = [(f"Task {n}", "DATA", "10", "1.02") for n in range(1, 5)]
    paper = agreement(entity="DE01", lines=lines)
    contract = firm_stage.sign(paper)
    firm_stage.until_in_step(contract)
    for number in range(1, 5):
        firm_stage.approve_hours(contract, "1", day(-3), line=line_of(paper, number), who="res_ada")
    firm_stage.until_charged(contract, 4)
    invoice = firm_stage.billed(contract)
    assert firm_stage.ledger("netsuite", invoice["id"]) == {"1200": "4.86", "4001": "-4.08", "2200": "-0.78"}


def test_EX_4_1_the_rate_of_the_day_of_work_counts_whenever_the_hours_come(firm_stage: Stage, erp: Served) -> None:
    """16 hours at 200 before the amendment, 8 at 210 from its first day: 4,880.00."""
    paper = agreement()
    contract = firm_stage.sign(paper)
    firm_stage.until_in_step(contract)
    firm_stage.sign(amendment(paper, 1, "210", -9))
    plan = firm_stage.open_plan(contract)
    (item,) = plan["items"]
    assert [(f["name"], f["old"]["amount"], f["new"]["amount"]) for f in item["fields"] if f["name"] == "rate"] == [
        ("rate", "200", "210")
    ]
    waiting = firm_stage.hold_of(contract, "AWAITING_APPLY")
    assert waiting["owner"] == "pmo" and "from USD 200" in waiting["sentence"] and "to USD 210" in waiting["sentence"]
    assert f"tieline plan {contract}" in waiting["way_out"]
    firm_stage.ordered(f"/process/v1/plans/{plan['plan_id']}/apply", {"digest": plan["digest"]})
    for offset in (-11, -10, -9):  # 30 Mar, 31 Mar, 1 Apr
        firm_stage.approve_hours(contract, "8", day(offset))
    firm_stage.until_charged(contract, 3)
    firm_stage.until_lifted(waiting)
    invoice = firm_stage.billed(contract)
    assert invoice["document"]["net"]["amount"] == "4880.00"
    assert firm_stage.ledger("netsuite", invoice["id"]) == {"1200": "5856.00", "4001": "-4880.00", "2200": "-976.00"}
    done = firm_stage.get(f"/process/v1/plans/{plan['plan_id']}")
    assert done["state"] == "applied" and [line["kind"] for line in done["certificate"]["lines"]] == ["billing_rule"]
    created_once(erp, firm_stage.until_in_step(contract))


def test_a_plan_that_the_world_has_overtaken_is_refused_and_changes_nothing(firm_stage: Stage, erp: Served) -> None:
    paper = agreement()
    contract = firm_stage.sign(paper)
    firm_stage.until_in_step(contract)
    firm_stage.sign(amendment(paper, 1, "210", -9))
    old, start = firm_stage.open_plan(contract), position(erp)
    firm_stage.sign(amendment(paper, 2, "220", -8))
    new = until("the newer plan", lambda: next((p for p in _plans(firm_stage, contract) if p != old["plan_id"]), None))
    answer = firm_stage.post(f"/process/v1/plans/{old['plan_id']}/apply")
    assert (answer.status_code, answer.json()["code"]) == (409, "stale_plan")
    assert "decide again" in answer.json()["detail"]
    assert executed(erp, start) == []
    firm_stage.ordered(f"/process/v1/plans/{new}/apply")
    firm_stage.until_in_step(contract)
    assert _rate(firm_stage, contract) == 220


def test_an_ERP_that_computes_a_cent_more_posts_nothing_and_the_hours_are_billed_again(
    firm_stage: Stage, erp: Served
) -> None:
    paper = agreement()
    contract = firm_stage.sign(paper)
    firm_stage.until_in_step(contract)
    firm_stage.approve_hours(contract, "8", day(-3))
    firm_stage.until_charged(contract, 1)
    erp.control("amounts", {"off": "0.01"})
    asked = firm_stage.ask_invoice(contract)
    firm_stage.release(firm_stage.invoice(contract, asked, "awaiting_release"))
    hold = firm_stage.hold_of(contract, "INVOICE_DIFFERS", patience_s=40)
    assert hold["owner"] == "finance" and hold["amount"] == {"amount": "1920.00", "currency": "USD"}
    assert "USD 1,920.00" in hold["sentence"] and "USD 1,920.01" in hold["sentence"]
    assert "netsuite" in hold["way_out"] and contract_number(paper) in hold["way_out"]
    firm_stage.invoice(contract, asked, "withdrawn")
    until("the draft's end", lambda: ("delete", "invoice", asked) in executed(erp))
    assert firm_stage.ledger("netsuite", asked) == {}
    erp.control("amounts", {"off": "0"})
    invoice = firm_stage.billed(contract)
    assert invoice["id"] != asked and firm_stage.ledger("netsuite", invoice["id"])["1200"] == "1920.00"
    firm_stage.until_lifted(hold)
    firm_stage.until_in_step(contract)


def test_an_invoice_that_is_released_twice_is_posted_once(firm_stage: Stage, erp: Served) -> None:
    contract = firm_stage.sign(agreement())
    firm_stage.until_in_step(contract)
    firm_stage.approve_hours(contract, "8", day(-3))
    firm_stage.until_charged(contract, 1)
    asked = firm_stage.ask_invoice(contract)
    invoice, key = firm_stage.invoice(contract, asked, "awaiting_release"), str(uuid4())
    first, again = firm_stage.release(invoice, key), firm_stage.release(invoice, key)
    assert (first.status_code, again.status_code) == (202, 202) and first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert firm_stage.release(invoice).status_code == 202  # another click with a key of its own
    firm_stage.invoice(contract, asked, "posted")
    assert firm_stage.release(invoice).status_code == 202  # and one that comes late
    firm_stage.until_in_step(contract)
    kinds = [operation for operation, kind, mark in executed(erp) if (kind, mark) == ("invoice", asked)]
    assert kinds == ["create", "update"], "one draft, one posting"
    assert firm_stage.ledger("netsuite", asked)["1200"] == "1920.00"


def test_X35_a_release_of_a_document_that_nobody_saw_is_refused_and_posts_nothing(
    firm_stage: Stage, erp: Served
) -> None:
    contract = firm_stage.sign(agreement())
    firm_stage.until_in_step(contract)
    firm_stage.approve_hours(contract, "8", day(-3))
    firm_stage.until_charged(contract, 1)
    asked = firm_stage.ask_invoice(contract)
    invoice, start = firm_stage.invoice(contract, asked, "awaiting_release"), position(erp)
    hold = firm_stage.hold_of(contract, "AWAITING_RELEASE")
    assert hold["owner"] == "finance" and f"tieline release {asked}" in hold["way_out"]
    answer = firm_stage.release({**invoice, "digest": "0" * 32})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert "read it again" in answer.json()["detail"]
    assert executed(erp, start) == []
    firm_stage.release(invoice)
    firm_stage.invoice(contract, asked, "posted")


def test_nothing_is_billed_twice_and_an_empty_request_says_so(firm_stage: Stage, erp: Served) -> None:
    contract = firm_stage.sign(agreement())
    firm_stage.until_in_step(contract)
    firm_stage.approve_hours(contract, "8", day(-3))
    firm_stage.until_charged(contract, 1)
    firm_stage.billed(contract)
    firm_stage.ask_invoice(contract)
    hold = firm_stage.hold_of(contract, "NOTHING_TO_BILL")
    assert hold["owner"] == "finance" and "no unbilled charge" in hold["sentence"] and "later day" in hold["way_out"]
    firm_stage.approve_hours(contract, "1", day(-2))
    firm_stage.until_lifted(hold)


def test_a_period_that_is_closed_is_opened_by_finance_and_the_posting_goes_on(firm_stage: Stage, erp: Served) -> None:
    contract = firm_stage.sign(agreement())
    firm_stage.until_in_step(contract)
    firm_stage.approve_hours(contract, "8", day(-3))
    firm_stage.until_charged(contract, 1)
    asked = firm_stage.ask_invoice(contract)
    invoice = firm_stage.invoice(contract, asked, "awaiting_release")
    erp.control("period", {"on": str(day(0)), "closed": True})
    try:
        firm_stage.release(invoice)
        hold = firm_stage.hold_of(contract, "PERIOD_CLOSED")
        assert hold["owner"] == "finance" and "closed for receivables" in hold["sentence"]
        assert "Open the period in the ERP" in hold["way_out"]
    finally:
        erp.control("period", {"on": str(day(0)), "closed": False})
    firm_stage.retry(hold)
    firm_stage.invoice(contract, asked, "posted")


def _plans(stage: Stage, contract: str) -> list[str]:
    return [plan["plan_id"] for plan in stage.contract(contract)["plans"]]


def _rate(stage: Stage, contract: str) -> float:
    rule = next(r["key"] for r in stage.contract(contract)["replicas"] if r["kind"] == "billing_rule")
    return float(stage.get(f"/system/v1/systems/netsuite/billing_rule/{rule}")["observed"]["rate"]["amount"])

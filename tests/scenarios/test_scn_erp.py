"""What the ERP does to us on the way: lost answers, dead tokens, outages. Everything is there once, and people are told."""

from __future__ import annotations

from scn_erp import ErpPeople
from scn_papers import agreement, client_name, day
from stage import Stage, created_once, executed, position, until

from tieline.twins.process import Served


def meets(erp: Served, code: str, method: str, path: str, **more: object) -> None:
    """The next such call meets this fault, once."""
    rule = {"match": {"method": method, "path_regex": path}, "fault": {"code": code, **more}, "times": 1}
    erp.faults([rule])


def fired(erp: Served) -> int:
    return sum(rule["fired"] for rule in erp.control("faults")["rules"])


def test_F1_a_customer_whose_answer_was_lost_is_there_once(firm_stage: Stage, erp: Served) -> None:
    meets(erp, "F1", "PUT", "customer", hold_s=3)
    contract = firm_stage.sign(agreement())
    created_once(erp, firm_stage.until_in_step(contract))
    assert fired(erp) == 1


def test_F1_an_invoice_whose_answers_were_lost_is_posted_once(firm_stage: Stage, erp: Served) -> None:
    """Both lost: that of the draft and that of the posting."""
    contract = firm_stage.sign(agreement())
    firm_stage.until_in_step(contract)
    firm_stage.approve_hours(contract, "8", day(-3))
    firm_stage.until_charged(contract, 1)
    meets(erp, "F1", "PUT", "invoice", hold_s=3)
    meets(erp, "F1", "PATCH", "invoice", hold_s=3)
    invoice = firm_stage.billed(contract)
    assert fired(erp) == 2
    assert firm_stage.ledger("netsuite", invoice["id"])["1200"] == "1920.00"
    created_once(erp, firm_stage.until_in_step(contract))


def test_F10_a_token_that_dies_in_the_middle_is_renewed_and_nobody_is_bothered(firm_stage: Stage, erp: Served) -> None:
    meets(erp, "F10", "PUT", "projectTask")
    contract = firm_stage.sign(agreement())
    created_once(erp, firm_stage.until_in_step(contract))
    assert fired(erp) == 1 and firm_stage.holds_seen(contract) == []


def test_F15_an_ERP_that_is_down_is_told_and_everything_goes_on_when_it_is_back(firm_stage: Stage, erp: Served) -> None:
    """Stands for an hour: the calls pause longer each time, one hold says why, and its retry does not wait for the pause."""
    erp.faults([{"match": {}, "fault": {"code": "F15", "window_s": 3600}, "times": 1}])
    contract = firm_stage.sign(agreement())
    hold = firm_stage.hold_of(contract, "UNAVAILABLE", patience_s=30)
    assert hold["owner"] == "integration" and hold["sentence"].startswith("netsuite: ")
    assert "repeated by themselves" in hold["way_out"] and "tieline doctor" in hold["way_out"]
    seen = firm_stage.contract(contract)
    assert (seen["status"], seen["next_actor"]) == ("blocked", "integration")
    erp.heal()
    firm_stage.retry(hold)
    created_once(erp, firm_stage.until_in_step(contract))
    firm_stage.until_lifted(hold)


def test_two_customers_of_one_name_are_a_persons_choice_and_no_third_is_made(
    firm_stage: Stage, erp: Served, erp_people: ErpPeople
) -> None:
    paper = agreement()
    first, second = (erp_people.customer(client_name(paper)) for _ in range(2))
    contract = firm_stage.sign(paper)
    hold = firm_stage.hold_of(contract, "CLIENT_AMBIGUOUS")
    assert hold["owner"] == "finance"
    assert f"{client_name(paper)} could be NetSuite customer {first} and {second}" in hold["sentence"]
    assert "Merge or deactivate the doubles in the ERP" in hold["way_out"]
    erp_people.deactivate(second)
    firm_stage.retry(hold)
    firm_stage.until_in_step(contract)
    firm_stage.until_lifted(hold)
    rows = erp_people.witness.customer(client_name(paper))
    assert {row["id"] for row in rows} == {first, second} and erp_people.has_projects(first)


def test_two_contracts_of_one_client_share_one_customer(firm_stage: Stage, erp: Served, erp_people: ErpPeople) -> None:
    """Case and spacing do not make another client."""
    one = agreement()
    other = agreement(client=f"  {client_name(one).upper()} ")
    contracts = [firm_stage.sign(one), firm_stage.sign(other)]
    customers = {key(firm_stage.until_in_step(each), "client") for each in contracts}
    assert len(customers) == 1
    found = executed(erp)
    assert found.count(("create", "customer", customers.pop())) == 1
    assert len({key(firm_stage.contract(each), "project") for each in contracts}) == 2


def test_O4_a_client_that_moves_house_is_told_to_the_ERP_once_and_then_there_is_silence(
    firm_stage: Stage, erp: Served
) -> None:
    paper = agreement()
    contract = firm_stage.sign(paper)
    customer = key(firm_stage.until_in_step(contract), "client")
    start, address = position(erp), dict(paper["properties"]["counterpartyAddress"]["value"])
    firm_stage.correct(paper, counterpartyAddress=address | {"locality": "Jersey City", "postcode": "07302"})

    def moved() -> bool:
        return any(each[1] == "customer" for each in executed(erp, start))

    until("the new address in the ERP", moved)
    firm_stage.until_in_step(contract)
    seen = firm_stage.get(f"/system/v1/systems/netsuite/client/{customer}")["observed"]
    assert seen["address"]["city"] == "Jersey City"
    told = len(firm_stage.inputs_of(contract))
    firm_stage.signed(paper)  # announced again, and nothing is new
    firm_stage.signed(paper)
    until(
        "both messages",
        lambda: len(deliveries_done(firm_stage)) == len(firm_stage.clm.control("deliveries")["deliveries"]),
    )
    firm_stage.until_in_step(contract)
    assert told >= 1 and executed(erp, start) == [("update", "customer", customer)]


def test_a_contract_that_starts_later_is_set_up_now_and_worked_on_from_its_first_day(
    firm_stage: Stage, erp: Served
) -> None:
    contract = firm_stage.sign(agreement(effectiveDate=30))
    created_once(erp, firm_stage.until_in_step(contract))
    entry = firm_stage.approve_hours(contract, "8", day(-1))
    hold = firm_stage.hold_on(f"time_entry:{entry}", "CONTRACT_NOT_EFFECTIVE")
    assert str(day(30)) in hold["sentence"] and "earlier start in the contract" in hold["way_out"]


def test_D6_work_of_a_day_to_come_is_charged_by_itself_when_the_day_comes(firm_stage: Stage, erp: Served) -> None:
    contract = firm_stage.sign(agreement())
    firm_stage.until_in_step(contract)
    entry = firm_stage.approve_hours(contract, "8", day(3))
    hold = firm_stage.hold_on(f"time_entry:{entry}", "FUTURE_DATE")
    with firm_stage.days_later(5):
        firm_stage.until_lifted(hold)
    charges = [r for r in firm_stage.contract(contract)["replicas"] if r["kind"] == "time_charge"]
    assert len(charges) == 1


def key(contract: dict[str, object], kind: str) -> str:
    """The key of the one document of this kind."""
    (found,) = [r["key"] for r in contract["replicas"] if r["kind"] == kind]  # type: ignore[attr-defined]
    return str(found)


def deliveries_done(stage: Stage) -> list[object]:
    return [d for d in stage.clm.control("deliveries")["deliveries"] if d["state"] == "delivered"]

"""A signed contract becomes a project that can be billed, or a sentence that says what is missing."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tieline.flows.activate_contract import activate_contract
from tieline.ports.decisions import Desired, Ended, WakeAt

from .world import (
    FIRM,
    World,
    amendment,
    at,
    client,
    codes,
    contract,
    crm_approval,
    day,
    desired,
    entry,
    eur,
    facts,
    holds,
    line,
    of,
)


def test_a_signed_contract_becomes_client_project_elements_and_rules_in_the_erp() -> None:
    decisions = World().add(contract(line("L1"), line("L2")), client()).say()
    assert codes(decisions) == set()
    kinds = [d.target.kind for d in of(decisions, Desired)]
    assert kinds == ["client", "project", "work_element", "work_element", "billing_rule", "billing_rule"]
    assert {d.target.role for d in of(decisions, Desired)} == {"erp"}


def test_no_project_is_written_before_the_client_and_no_element_before_the_project() -> None:
    decisions = World().add(contract(), client()).say()
    after = {d.target.kind: [t.kind for t in d.after] for d in of(decisions, Desired)}
    assert after == {
        "client": [],
        "project": ["client"],
        "work_element": ["project"],
        "billing_rule": ["work_element"],
    }


def test_the_client_is_governed_by_its_own_lane_and_version() -> None:
    (wanted,) = desired(World().add(contract(), client()).say(), "client")
    assert wanted.lane == "client:cl_1"
    assert len(wanted.target.key) <= 32 and wanted.doc["id"] == wanted.target.key


def test_documents_point_at_each_other_by_their_ids() -> None:
    decisions = World().add(contract(), client()).say()
    docs = {d.target.kind: d.doc for d in of(decisions, Desired)}
    assert docs["project"]["client_id"] == docs["client"]["id"]
    assert docs["work_element"]["project_id"] == docs["project"]["id"]
    assert docs["billing_rule"]["work_element_id"] == docs["work_element"]["id"]


def test_the_fact_of_activation_follows_only_when_everything_was_read_back() -> None:
    world = World().add(contract(), client())
    assert "contract.activated" not in facts(world.say())
    for wanted in of(world.say(), Desired)[:-1]:
        world.confirm(wanted)
    assert "contract.activated" not in facts(world.say())
    assert "contract.activated" in facts(world.settle())


def test_a_firm_with_a_psa_gets_the_shell_in_both_systems_and_bills_in_one() -> None:
    roles = {**FIRM.roles, "psa": {"*": "openair"}}
    world = World(firm=replace(FIRM, roles=roles, project_homes={"*": ("psa", "erp")})).add(contract(), client())
    decisions = world.say()
    assert {d.target.role for d in desired(decisions, "project")} == {"psa", "erp"}
    assert [d.target.role for d in desired(decisions, "billing_rule")] == ["erp"]


@pytest.mark.parametrize(
    ("code", "given", "words"),
    [
        ("CONTRACT_NOT_SIGNED", contract(state="in_approval", signed_at=None), "in approval"),
        ("CONTRACT_DATES_INVALID", contract(ends_on=day("2025-12-31")), "2025-12-31"),
        ("LEGAL_ENTITY_UNKNOWN", contract(legal_entity="FR01"), "known are DE01, US01"),
        ("TAX_CODE_UNKNOWN", contract(tax_code="REDUCED"), "known are STANDARD"),
        ("SERVICE_LINE_UNKNOWN", contract(line(service_line="AUDIT")), "known are CLOUD, DATA"),
        ("AMOUNT_MISMATCH", contract(total=eur("19000")), "a difference of EUR -1,000.00"),
        ("AMOUNT_MISMATCH", contract(total=eur("20000.01")), "a difference of EUR 0.01"),
        ("CURRENCY_MISMATCH", contract(currency="USD"), "legal entity DE01 is in EUR"),
        ("LINES_INVALID", contract(line("L1"), line("L1")), "same id"),
    ],
)
def test_a_faulty_contract_writes_nothing_and_names_the_fault(code: str, given: object, words: str) -> None:
    decisions = World().add(given, client()).say()
    assert code in codes(decisions)
    assert any(words in hold.sentence for hold in holds(decisions).values())
    assert of(decisions, Desired) == []


def test_a_total_that_adds_up_to_the_cent_passes() -> None:
    given = contract(line("L1", "185.25", "0.5"), line("L2", "33.333333", "3"), total=eur("192.63"))
    assert codes(World().add(given, client()).say()) == set()


def test_all_faults_of_a_contract_are_reported_at_once() -> None:
    given = contract(line(service_line="AUDIT"), tax_code="REDUCED", total=eur("1"))
    assert codes(World().add(given).say()) == {
        "CLIENT_UNKNOWN",
        "TAX_CODE_UNKNOWN",
        "SERVICE_LINE_UNKNOWN",
        "AMOUNT_MISMATCH",
    }


def test_a_contract_without_a_client_record_is_held_and_creates_no_customer_from_a_name() -> None:
    decisions = World().add(contract()).say()
    assert codes(decisions) == {"CLIENT_UNKNOWN"} and of(decisions, Desired) == []


def test_a_client_without_an_address_cannot_be_invoiced_and_is_held() -> None:
    address = replace(client().address, street=" ", country="Germany")
    decisions = World().add(contract(), client(address=address)).say()
    (hold,) = holds(decisions).values()
    assert hold.code == "CLIENT_INCOMPLETE" and "street and country" in hold.sentence


def test_where_the_firm_asks_for_it_the_crm_must_have_approved() -> None:
    world = World(firm=replace(FIRM, activation_approval="crm")).add(contract(), client())
    assert codes(world.say()) == {"APPROVAL_MISSING"}
    assert codes(world.add(crm_approval()).say()) == set()


def test_a_legal_entity_without_an_erp_is_a_hold_and_never_a_default_system() -> None:
    world = World(firm=replace(FIRM, roles={"erp": {"US01": "netsuite"}})).add(contract(), client())
    assert codes(world.say()) == {"NO_SYSTEM"}


def test_a_second_contract_may_not_change_the_tax_of_a_client_that_trades_already() -> None:
    world = World().add(contract(), client())
    world.settle()
    firm = replace(
        FIRM,
        legal_entities={
            **FIRM.legal_entities,
            "DE01": replace(
                FIRM.legal_entities["DE01"], taxes={"STANDARD": Decimal("0.19"), "REDUCED": Decimal("0.07")}
            ),
        },
    )
    world.firm = firm
    world.add(contract(tax_code="REDUCED"))
    assert codes(world.say()) == {"CLIENT_TERMS_DIFFER"}


def test_a_contract_that_suddenly_names_another_client_is_a_question_and_opens_no_second_customer() -> None:
    world = World().add(contract(), client())
    world.settle()
    world.add(contract(client_id="cli_other"), client(id="cli_other", name="Hanse Logistics SE"))
    said = world.say()
    assert codes(said) == {"CLIENT_CHANGED"}
    (hold,) = holds(said).values()
    assert "Hanse Logistics SE" in hold.sentence
    assert not [decision for decision in said if isinstance(decision, Desired)]


def test_the_hold_of_a_contract_says_how_much_money_hangs_on_it() -> None:
    (hold,) = holds(World().add(contract()).say()).values()
    assert (hold.amount, hold.currency, hold.owner) == ("20000.00", "EUR", "sales")


def test_a_contract_of_the_future_gets_its_shells_at_once_and_is_looked_at_again_at_the_entitys_midnight() -> None:
    world = World().add(contract(starts_on=day("2026-07-01")), client())
    decisions = world.say(activate_contract)
    assert desired(decisions, "project") != []
    assert of(decisions, WakeAt) == [WakeAt(at=datetime(2026, 6, 30, 22, 0, tzinfo=UTC))]


def test_a_record_that_cannot_be_read_stops_the_contract_and_names_the_field() -> None:
    world = World().add(contract(), client())
    world.put("amendment", "am_9", {"id": "am_9", "number": "nine"})
    decisions = world.say()
    assert codes(decisions) == {"RECORD_UNREADABLE"} and of(decisions, Desired) == []
    assert holds(decisions)["amendment:am_9"].owner == "integration"


def test_one_unreadable_time_entry_is_held_and_the_contract_goes_on() -> None:
    world = World().add(contract(), client(), entry())
    world.put("time_entry", "te_9", {"hours": "many"})
    decisions = world.say()
    assert codes(decisions) == {"RECORD_UNREADABLE"} and len(desired(decisions, "time_charge")) == 1


def test_a_terminated_contract_is_closed_once_nothing_is_left_to_bill() -> None:
    world = World().add(contract(), client())
    world.settle()
    over = contract(state="terminated", ends_on=day("2026-03-15"))
    assert of(world.add(over, entry()).say(), Ended) == []
    del world.records["charge"], world.records["time_entry"]
    ended = of(world.say(), Ended)
    assert [(e.target.kind, e.how) for e in ended] == [("work_element", "close"), ("project", "close")]


def test_an_amendment_that_is_not_signed_does_not_stop_the_activation() -> None:
    world = World().add(contract(), client(), amendment(signed_at=None), recorded_at=at("2026-01-02T00:00:00"))
    assert "contract.activated" in facts(world.settle())

"""Rates in force reach every system that prices by them, after a person's apply, and a certificate proves it."""

from dataclasses import replace
from datetime import UTC, datetime

from tieline.domain.records import RateChange
from tieline.flows.propagate_amendment import propagate_amendment
from tieline.kit.canonical import plain
from tieline.ports.decisions import Fact, WakeAt

from .world import FIRM, World, amendment, at, client, codes, contract, day, desired, eur, facts, holds, line, of


def in_force(world: World) -> dict[str, str]:
    return {d.target.key: d.doc["rate"]["amount"] for d in desired(world.say(), "billing_rule")}


def test_a_billing_rule_starts_with_the_rate_of_the_contract_and_asks_nobody() -> None:
    (rule,) = desired(World().add(contract(), client()).say(), "billing_rule")
    assert (rule.doc["rate"]["amount"], rule.doc["valid_from"], rule.gate) == ("200", "2026-01-01", None)


def test_a_signed_amendment_changes_the_rule_only_behind_a_persons_apply() -> None:
    world = World().add(contract(), client())
    world.settle()
    decisions = world.add(amendment()).say()
    (rule,) = desired(decisions, "billing_rule")
    assert (rule.doc["rate"]["amount"], rule.doc["valid_from"], rule.gate) == ("210", "2026-04-01", "amendment:am_1")
    hold = holds(decisions)["amendment:am_1:L1"]
    assert hold.code == "AWAITING_APPLY" and "from EUR 200 to EUR 210 in tryton" in hold.sentence


def test_an_applied_amendment_read_back_in_every_system_is_certified_with_evidence() -> None:
    world = World().add(contract(), client())
    world.settle()
    world.add(amendment())
    assert "amendment.propagated" not in facts(world.settle())
    world.approvals["amendment:am_1"] = ()
    decisions = world.settle()
    (certificate,) = [f for f in of(decisions, Fact) if "amendment.propagated" in f.type]
    (seen,) = certificate.data["replicas"]
    assert seen["system"] == "tryton" and seen["revision"] == 2 and len(seen["observed_digest"]) == 32
    assert codes(decisions) == set()


def test_a_firm_that_trusts_signatures_lets_amendments_through_by_themselves() -> None:
    world = World(firm=replace(FIRM, amendments_apply="automatic")).add(contract(), client())
    world.settle()
    assert "amendment.propagated" in facts(world.add(amendment()).settle())


def test_a_future_amendment_changes_nothing_yet_and_wakes_the_contract_at_the_entitys_midnight() -> None:
    world = World(now=at("2026-03-20T10:00:00")).add(contract(), client(), amendment())
    decisions = world.say(propagate_amendment)
    assert in_force(world) and set(in_force(world).values()) == {"200"}
    assert of(decisions, WakeAt) == [WakeAt(at=datetime(2026, 3, 31, 22, 0, tzinfo=UTC))]


def test_the_rate_changes_at_midnight_in_berlin_not_in_london() -> None:
    world = World(now=at("2026-03-31T22:00:00")).add(contract(), client(), amendment())
    assert set(in_force(world).values()) == {"210"}
    world.now = at("2026-03-31T21:59:59")
    assert set(in_force(world).values()) == {"200"}


def test_an_amendment_with_an_end_gives_the_rate_back_to_the_contract() -> None:
    world = World(now=at("2026-05-02T10:00:00")).add(contract(), client(), amendment(effective_to=day("2026-05-01")))
    (rule,) = desired(world.say(), "billing_rule")
    assert (rule.doc["rate"]["amount"], rule.doc["valid_from"]) == ("200", "2026-05-01")


def test_amendments_to_different_lines_do_not_displace_each_other() -> None:
    second = amendment(2, changes=(RateChange(line_id="L2", rate=eur("150")),), signed_at=at("2026-03-11T09:00:00"))
    world = World().add(contract(line("L1"), line("L2", "140")), client(), amendment(), second)
    assert sorted(in_force(world).values()) == ["150", "210"]


def test_an_unsigned_amendment_is_held_and_changes_no_rate() -> None:
    world = World().add(contract(), client()).add(amendment(signed_at=None))
    assert holds(world.say())["amendment:am_1"].code == "AMENDMENT_UNSIGNED"
    assert set(in_force(world).values()) == {"200"}


def test_EX_4_0b_a_missing_number_parks_the_later_amendment_and_applies_the_earlier() -> None:
    third = amendment(3, "230", signed_at=at("2026-03-20T09:00:00"))
    world = World().add(contract(), client(), amendment(1, "205", "2026-02-01"), third)
    hold = holds(world.say())["amendment:am_3"]
    assert hold.code == "AMENDMENT_GAP" and "amendment 2 has not arrived" in hold.sentence
    assert in_force(world) == {}, "a line that the parked amendment speaks about today stays as it is"


def test_two_amendments_signed_at_the_same_instant_freeze_the_rate_until_a_person_decides() -> None:
    world = World().add(contract(), client())
    world.settle()
    world.add(amendment(1, "210"), amendment(2, "220"))
    decisions = world.say()
    assert codes(decisions) == {"AMENDMENT_CONFLICT"} and desired(decisions, "billing_rule") == []


def test_a_retroactive_amendment_without_an_end_is_held_until_a_person_confirms_what_it_replaces() -> None:
    late = amendment(2, "205", "2026-03-15", signed_at=at("2026-04-05T09:00:00"))
    world = World(now=at("2026-04-06T10:00:00")).add(contract(), client(), amendment(), late)
    hold = holds(world.say())["amendment_terms:am_2"]
    assert hold.code == "AMENDMENT_DISPLACES" and hold.evidence["document"] == plain(late)
    world.approve("amendment_terms:am_2", plain(late))
    assert set(in_force(world).values()) == {"205"} and codes(world.say()) == set()


def test_a_further_amendment_that_states_the_later_rate_resolves_the_displacement() -> None:
    late = amendment(2, "205", "2026-03-15", signed_at=at("2026-04-05T09:00:00"))
    restated = amendment(3, "210", signed_at=at("2026-04-06T09:00:00"))
    world = World(now=at("2026-04-06T10:00:00")).add(contract(), client(), amendment(), late, restated)
    assert set(in_force(world).values()) == {"210"} and codes(world.say()) == set()


def test_an_amendment_of_a_line_that_does_not_exist_is_held() -> None:
    world = World().add(contract(), client(), amendment(changes=(RateChange(line_id="L9", rate=eur("1")),)))
    assert "L9, which the contract does not have" in holds(world.say())["amendment:am_1"].sentence


def test_a_line_whose_rate_is_not_agreed_yet_gets_no_rule_and_never_a_price_of_zero() -> None:
    world = World().add(contract(line("L1"), line("L2", "0")), client())
    decisions = world.say()
    assert codes(decisions) == {"RATE_MISSING"} and set(in_force(world).values()) == {"200"}


def test_a_held_contract_freezes_its_rules() -> None:
    world = World().add(contract(tax_code="NONE"), client(), amendment())
    assert desired(world.say(), "billing_rule") == []

"""Approved hours become charges, each once; one bad entry never stops the others."""

import pytest

from tieline.ports.decisions import Desired, Movement, WakeAt

from .world import World, amendment, at, client, codes, contract, day, desired, entry, facts, holds, line, of, request


def charged(world: World) -> dict[str, str]:
    world.say()
    return {r.doc["time_entry_id"]: r.doc["amount"]["amount"] for r in world.records["charge"].values()}


def test_EX_4_1_each_day_is_charged_at_the_rate_of_the_work_date() -> None:
    world = World(now=at("2026-04-06T10:00:00")).add(contract(), client(), amendment())
    world.add(entry("a", "2026-03-30"), entry("b", "2026-03-31"), entry("c", "2026-04-01"))
    assert charged(world) == {"a": "1600.00", "b": "1600.00", "c": "1680.00"}


def test_a_charge_is_minted_under_the_cause_of_its_entry_and_reaches_the_erp_after_its_element() -> None:
    world = World().add(contract(), client(), entry())
    decisions = world.say()
    (movement,) = world.movements
    assert (movement.cause, movement.amount, movement.currency) == ("charge:te_1", "1600.00", "EUR")
    (wanted,) = desired(decisions, "time_charge")
    assert wanted.nature == "movement" and [t.kind for t in wanted.after] == ["work_element"]
    assert "charge.minted" in facts(decisions)


def test_a_charge_is_minted_once_and_a_later_rate_does_not_touch_it() -> None:
    world = World(now=at("2026-04-06T10:00:00")).add(contract(), client(), entry(worked="2026-04-02"))
    before = charged(world)
    world.add(amendment())
    assert charged(world) == before and len(world.movements) == 1


def test_EX_5_3_a_retroactive_rate_over_standing_charges_is_told_to_finance_with_the_difference() -> None:
    world = World(now=at("2026-04-06T10:00:00")).add(
        contract(), client(), entry("a", hours="20"), entry("b", "2026-03-03", "20")
    )
    charged(world)
    world.add(
        amendment(rate="205", frm="2026-02-01", effective_to=day("2026-04-01"), signed_at=at("2026-04-05T09:00:00"))
    )
    hold = holds(world.say())["retro_delta:am_1"]
    assert (hold.code, hold.amount, hold.currency, hold.owner) == ("RETRO_DELTA", "200.00", "EUR", "finance")
    assert charged(world) == {"a": "4000.00", "b": "4000.00"}
    world.approve("retro_delta:am_1", hold.evidence["document"])
    assert codes(world.say()) == set()


def test_hours_that_are_only_submitted_wait_without_a_word() -> None:
    world = World().add(contract(), client(), entry(state="submitted", approved_by=None, approved_at=None))
    assert charged(world) == {} and codes(world.say()) == set()


@pytest.mark.parametrize(
    ("code", "given"),
    [
        ("PROJECT_NOT_ACTIVE", entry(worked="2026-12-31")),
        ("WBS_CLOSED", entry(line_id="L9")),
        ("CONTRACT_NOT_EFFECTIVE", entry(worked="2025-12-31")),
        ("RATE_MISSING", entry(line_id="L2")),
        ("HOURS_RANGE", entry(hours="25")),
        ("HOURS_RANGE", entry(hours="0")),
        ("FUTURE_DATE", entry(worked="2026-04-02")),
        ("APPROVER_INVALID", entry(approved_by="anna")),
        ("APPROVER_INVALID", entry(approved_by=None)),
    ],
)
def test_one_bad_entry_is_held_and_the_others_are_charged(code: str, given: object) -> None:
    agreed = contract(line("L1"), line("L2", "0"), ends_on=day("2026-12-31"))
    world = World().add(agreed, client(), given, entry("te_good", resource_id="carl"))
    decisions = world.say()
    assert holds(decisions)["time_entry:te_1"].evidence["codes"][0] == code
    assert charged(world) == {"te_good": "1600.00"}


def test_every_failed_rule_of_an_entry_is_named_in_one_sentence() -> None:
    world = World().add(contract(), client(), entry(worked="2026-04-02", hours="30", line_id="L9", approved_by="anna"))
    hold = holds(world.say())["time_entry:te_1"]
    assert hold.evidence == {"codes": ["WBS_CLOSED", "HOURS_RANGE", "FUTURE_DATE", "APPROVER_INVALID"]}
    for rule in ("T04 WBS_CLOSED", "T11 HOURS_RANGE", "T14 FUTURE_DATE", "T28 APPROVER_INVALID"):
        assert rule in hold.sentence


def test_hours_of_the_future_are_looked_at_again_when_their_day_comes() -> None:
    world = World(now=at("2026-04-01T10:00:00")).add(contract(), client(), entry(worked="2026-04-02"))
    assert WakeAt(at=at("2026-04-01T22:00:00")) in world.say()
    world.now = at("2026-04-01T22:00:00")
    assert charged(world) == {"te_1": "1600.00"}


def test_a_copy_of_an_entry_is_held_and_the_earlier_one_is_charged() -> None:
    world = World().add(contract(), client(), entry("b", narrative="x", approved_at=at("2026-03-04T08:00:00")))
    world.add(entry("a", narrative="x"))
    assert charged(world) == {"b": "1600.00"}
    assert holds(world.say())["time_entry:a"].code == "DUPLICATE"


def test_a_day_of_one_person_has_at_most_24_hours() -> None:
    world = World().add(contract(), client(), entry("a", hours="20"), entry("b", hours="5"))
    assert charged(world) == {"a": "4000.00"}
    assert "25 for 2026-03-02" in holds(world.say())["time_entry:b"].sentence


def test_work_before_the_signature_is_held_and_charged_by_itself_afterwards() -> None:
    world = World().add(contract(state="in_approval", signed_at=None), client(), entry())
    assert holds(world.say())["time_entry:te_1"].code == "PRE_CONTRACT_WORK"
    world.add(contract())
    assert charged(world) == {"te_1": "1600.00"}


def test_work_that_a_disputed_amendment_speaks_about_waits_and_earlier_work_does_not() -> None:
    world = World(now=at("2026-04-06T10:00:00")).add(contract(), client(), amendment(1, "210"), amendment(2, "220"))
    world.add(entry("before", "2026-03-31"), entry("after", "2026-04-01"))
    hold = holds(world.say())["time_entry:after"]
    assert hold.code == "RATE_IN_DISPUTE" and "AMENDMENT_CONFLICT" in hold.sentence
    assert charged(world) == {"before": "1600.00"}


def test_a_charged_entry_that_is_changed_afterwards_is_reported_and_its_charge_stays() -> None:
    world = World().add(contract(), client(), entry())
    charged(world)
    world.add(entry(hours="6"))
    assert holds(world.say())["time_entry:te_1"].code == "ALREADY_CHARGED"
    assert charged(world) == {"te_1": "1600.00"}


def test_a_held_contract_charges_nothing() -> None:
    world = World().add(contract(tax_code="NONE"), client(), entry(), request())
    decisions = world.say()
    assert of(decisions, Movement) == [] and of(decisions, Desired) == []

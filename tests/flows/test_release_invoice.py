"""Charges become one frozen invoice; finance releases exactly it; the ERP posts it only if its draft is equal."""

from dataclasses import replace
from typing import Any

from tieline.kit.canonical import digest
from tieline.ports.decisions import Act, Ended, Fact, Hold, Notice

from .world import FIRM, World, client, codes, contract, desired, entry, eur, facts, holds, line, of, request


def prepared(*more: Any, **firm: Any) -> World:
    world = World(firm=replace(FIRM, **firm)).add(contract(), client(), entry("a"), entry("b", "2026-03-03"), *more)
    world.settle()
    world.add(request())
    return world


def released(world: World) -> World:
    world.settle()
    for invoice in world.invoices():
        world.approve(f"invoice:{invoice['id']}", invoice)
    return world


def test_an_invoice_is_prepared_and_waits_for_finance_with_its_amount_and_digest() -> None:
    world = prepared()
    decisions = world.settle()
    (invoice,) = world.invoices()
    assert (invoice["net"]["amount"], invoice["tax"]["amount"], invoice["total"]["amount"]) == (
        "3200.00",
        "608.00",
        "3808.00",
    )
    (hold,) = of(decisions, Hold)
    assert (hold.code, hold.owner, hold.amount) == ("AWAITING_RELEASE", "finance", "3808.00")
    assert hold.evidence["digest"] == digest(invoice).hex() and hold.evidence["document"] == invoice
    assert desired(decisions, "invoice") == []


def test_a_released_invoice_is_drafted_after_client_and_project_and_not_yet_posted() -> None:
    world = released(prepared())
    decisions = world.say()
    (draft,) = desired(decisions, "invoice")
    assert draft.nature == "movement" and [t.kind for t in draft.after] == ["client", "project"]
    assert of(decisions, Act) == [] and codes(decisions) == set()


def test_a_release_of_another_digest_releases_nothing() -> None:
    world = prepared()
    world.settle()
    world.approve(f"invoice:{world.invoices()[0]['id']}", {"other": "document"})
    assert codes(world.say()) == {"AWAITING_RELEASE"}


def test_an_equal_draft_is_posted_under_the_digest_that_finance_released() -> None:
    world = released(prepared())
    world.confirm(desired(world.say(), "invoice")[0])
    decisions = world.say()
    (act,) = of(decisions, Act)
    (invoice,) = world.invoices()
    assert act.subject == f"invoice:{invoice['id']}" and act.covers == digest(invoice).hex()
    assert act.doc["total"] == invoice["total"] and [t.kind for t in act.after] == ["invoice"]
    assert "invoice.drafted" in facts(decisions) and "invoice.posted" not in facts(decisions)


def test_a_posted_invoice_is_a_fact_with_the_number_that_the_erp_gave() -> None:
    decisions = released(prepared()).settle()
    (posted,) = [f for f in of(decisions, Fact) if "invoice.posted" in f.type]
    assert posted.data["number"] == "2026/17" and posted.data["system"] == "tryton"
    assert codes(decisions) == set() and of(decisions, Notice) == []


def test_finance_is_told_once_of_a_posting_where_the_firm_has_a_place_for_notices() -> None:
    world = released(prepared(roles={**FIRM.roles, "notices": {"*": "mail"}}))
    (notice,) = of(world.settle(), Notice)
    assert (notice.target.kind, notice.target.role) == ("invoice_notice", "notices")
    assert notice.expires_at > world.now


def test_a_draft_with_another_tax_is_withdrawn_unposted_and_both_figures_are_shown() -> None:
    world = released(prepared())
    (draft,) = desired(world.say(), "invoice")
    seen = {
        **draft.doc,
        "tax": {"amount": "607.99", "currency": "EUR"},
        "total": {"amount": "3807.99", "currency": "EUR"},
    }
    world.confirm(draft, sees=seen, status="differs")
    decisions = world.say()
    (ended,) = of(decisions, Ended)
    assert (ended.target.kind, ended.how) == ("invoice", "cancel") and of(decisions, Act) == []
    (hold,) = of(decisions, Hold)
    assert hold.code == "INVOICE_DIFFERS" and "608.00" in hold.sentence and "607.99" in hold.sentence
    assert "invoice.withdrawn" in facts(decisions)


def test_a_withdrawn_invoice_stays_withdrawn_whatever_the_erp_shows_later_and_its_charges_go_on_a_new_one() -> None:
    world = released(prepared())
    (draft,) = desired(world.say(), "invoice")
    world.confirm(draft, sees={**draft.doc, "tax": {"amount": "0.00", "currency": "EUR"}}, status="differs")
    world.say()
    world.confirm(draft)
    assert [e.how for e in of(world.say(), Ended)] == ["cancel"]
    decisions = world.add(request("rq_2")).say()
    assert codes(decisions) == {"AWAITING_RELEASE"} and len(world.invoices()) == 2
    charges = [line["charge_ids"] for invoice in world.invoices() for line in invoice["lines"]]
    assert charges[0] == charges[1]


def test_a_read_back_that_the_engine_still_repeats_withdraws_nothing() -> None:
    world = released(prepared())
    (draft,) = desired(world.say(), "invoice")
    world.confirm(draft, sees={"net": {"amount": "0.00", "currency": "EUR"}}, status="written")
    decisions = world.say()
    assert of(decisions, Ended) == [] and of(decisions, Act) == []


def test_a_draft_that_does_not_show_its_total_is_not_posted() -> None:
    world = released(prepared())
    (draft,) = desired(world.say(), "invoice")
    world.confirm(draft, sees={"net": draft.doc["net"], "tax": draft.doc["tax"]})
    (hold,) = of(world.say(), Hold)
    assert hold.code == "INVOICE_DIFFERS" and "total not shown" in hold.sentence


def test_no_charge_up_to_the_day_means_no_invoice() -> None:
    world = World().add(contract(), client(), entry(worked="2026-03-31"), request(through="2026-03-30"))
    assert codes(world.say()) == {"NOTHING_TO_BILL"} and world.invoices() == []


def test_blocked_hours_in_the_window_stop_the_invoice_and_name_the_whole_amount() -> None:
    world = prepared(entry("bad", approved_by="anna", resource_id="anna"))
    decisions = world.say()
    hold = holds(decisions)["invoice_request:rq_1"]
    assert (hold.code, hold.amount) == ("BILLING_BLOCKED", "4800.00") and "bad (APPROVER_INVALID)" in hold.sentence
    assert world.invoices() == []


def test_blocked_hours_after_the_window_do_not_stop_the_invoice() -> None:
    world = prepared(entry("bad", "2026-04-01", approved_by="anna", resource_id="anna"))
    world.say()
    assert len(world.invoices()) == 1


def test_hours_and_their_invoice_may_arrive_together() -> None:
    world = World().add(contract(), client(), request(), entry())
    world.say()
    assert [invoice["net"]["amount"] for invoice in world.invoices()] == ["1600.00"]


def test_two_requests_at_once_bill_every_charge_once() -> None:
    world = prepared().add(request("rq_0"))
    decisions = world.say()
    assert len(world.invoices()) == 1 and len(world.movements) == 3
    assert "NOTHING_TO_BILL" in codes(decisions)


def test_where_the_erp_bills_the_hub_composes_nothing() -> None:
    world = prepared(biller={"*": "erp"})
    world.say()
    assert world.invoices() == []


def test_an_invoice_has_one_line_per_work_element_and_rate_in_the_order_of_the_contract() -> None:
    given = contract(line("L2", "100"), line("L1"))
    world = World().add(given, client(), entry("a"), entry("b", "2026-03-03"), entry("c", line_id="L2"), request())
    world.say()
    (invoice,) = world.invoices()
    assert [(row["position"], row["description"], row["quantity"]) for row in invoice["lines"]] == [
        (1, "Line L2, 2026-03-02", "8"),
        (2, "Line L1, 2026-03-02 to 2026-03-03", "16"),
    ]


def test_EX_2_1_three_half_hours_are_billed_to_the_cent_in_lines_that_every_erp_can_compute() -> None:
    world = World().add(contract(line(rate="185.25")), client(), request())
    world.add(*(entry(name, hours="0.5", narrative=name) for name in "abc"))
    world.say()
    (invoice,) = world.invoices()
    assert invoice["net"]["amount"] == "277.89"
    assert [row["amount"]["amount"] for row in invoice["lines"]] == ["92.63"] * 3
    assert eur(invoice["total"]["amount"]) == eur("330.69")

"""≥ 100 SIGKILLs of edges, workers and PostgreSQL under faults: what a firm must be able to rely on held, or the seed says where."""

from __future__ import annotations

import pytest

from tieline.entrypoints.chaos import verdicts
from tieline.entrypoints.chaos.killer import EDGE_POINTS, WORKER_POINTS
from tieline.entrypoints.chaos.run import Run

pytestmark = pytest.mark.chaos


def test_the_run_was_as_cruel_as_it_says(kill_run: Run) -> None:
    """Otherwise everything below would hold for free."""
    kills = kill_run.ledger.kills
    assert kill_run.ledger.total >= 100
    assert min(kills["edge"], kills["worker"]) >= 25
    assert kills["postgres"] >= 5
    assert len(kill_run.points) >= 15, set(EDGE_POINTS + WORKER_POINTS) - set(kill_run.points)
    assert max(kill_run.ledger.in_flight) >= 3
    assert kill_run.ledger.unexpected == []
    assert len(kill_run.evidence.invoices) == 2 * len(kill_run.evidence.papers)


def test_L1_whatever_was_answered_yes_is_in_the_journal(kill_run: Run) -> None:
    assert verdicts.l1_durable_before_ack(kill_run.evidence) == []


def test_L2_every_input_ended_in_exactly_one_way_with_reason_and_owner(kill_run: Run) -> None:
    assert verdicts.l2_conservation(kill_run.evidence) == []


def test_L3_contracts_whose_webhook_was_spoiled_or_never_sent_are_known_all_the_same(kill_run: Run) -> None:
    assert verdicts.l3_set_equality(kill_run.evidence) == []


def test_D1_every_effect_happened_once_and_every_invoice_was_posted_once(kill_run: Run) -> None:
    assert verdicts.d1_one_effect_per_key(kill_run.evidence) == []


def test_D2_the_same_key_with_other_content_is_refused_and_leaves_nothing(kill_run: Run) -> None:
    assert verdicts.d2_same_key_same_bytes(kill_run.evidence) == []


def test_D3_what_was_delivered_many_times_is_one_row(kill_run: Run) -> None:
    assert verdicts.d3_one_row_per_input(kill_run.evidence) == []


def test_D4_no_outcome_stays_unknown_and_nothing_done_counts_as_failed(kill_run: Run) -> None:
    assert verdicts.d4_unknown_is_settled(kill_run.evidence) == []


def test_O1_no_document_ever_went_back_to_an_older_version(kill_run: Run) -> None:
    assert verdicts.o1_in_order(kill_run.evidence) == []


def test_M1_the_ledger_is_right_to_the_cent_and_every_posting_balances(kill_run: Run) -> None:
    assert verdicts.m1_to_the_cent(kill_run.evidence) == []


def test_M2_every_approved_hour_was_charged_and_booked_once(kill_run: Run) -> None:
    assert verdicts.m2_every_hour_once(kill_run.evidence) == []


def test_C1_every_system_holds_the_newest_and_nobody_waits_for_a_person(kill_run: Run) -> None:
    assert verdicts.c1_everything_in_step(kill_run.evidence) == []


def test_A1_every_write_in_the_ERP_has_its_intent_and_every_intent_its_write(kill_run: Run) -> None:
    assert verdicts.a1_bijection(kill_run.evidence) == []


def test_T2_without_a_tenant_nobody_sees_a_row(kill_run: Run) -> None:
    assert verdicts.t2_no_tenant_no_rows(kill_run.evidence) == []


def test_V1_everything_came_to_rest_in_time(kill_run: Run) -> None:
    assert verdicts.v1_quiet_in_time(kill_run.evidence) == []

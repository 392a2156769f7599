"""Two firms at one subscription: a queue is full for the firm that filled it, and for nobody else."""

from __future__ import annotations

from dataclasses import replace

from stepping import Shelf, setup_of

from tieline.engine.budgets.budgets import QUEUED, Budgets
from tieline.ports.landscape import TenantSetup
from tieline.ports.limits import Allowance, Limits


def firm(name: str, limits: Limits) -> TenantSetup:
    setup = setup_of(lambda snapshot: iter(()), {"erp": Shelf(name="erp")})
    return replace(setup, tenant=name, allowances={"erp": Allowance(budget="erp-prod", limits=limits)})


def test_T4_behind_the_full_queue_of_one_firm_another_firms_calls_are_prepared() -> None:
    limits = Limits(concurrency=5)
    budgets = Budgets("w1", {name: firm(name, limits) for name in ("noisy", "quiet")})
    load = {("noisy", "erp"): QUEUED * 5, ("quiet", "erp"): 1}
    assert budgets.busy(load) == ["noisy/erp"]
    assert budgets.room(("quiet", "erp"), load) == QUEUED * 5 - 1


def test_systems_that_share_a_budget_share_one_gate_and_the_tighter_limit_holds() -> None:
    budgets = Budgets("w1", {"a": firm("a", Limits(concurrency=9)), "b": firm("b", Limits(concurrency=4, daily=100))})
    first, second = budgets.gate(("a", "erp")), budgets.gate(("b", "erp"))
    assert first is second
    assert (first.limits.concurrency, first.limits.daily) == (4, 100)

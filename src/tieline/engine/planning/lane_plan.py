"""What the planning of one lane comes to. Pure: loading and storing are done elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tieline.engine.planning.decide import Decided, decide
from tieline.engine.planning.difference import Difference, Item, difference, gate_digest
from tieline.engine.planning.load import LaneState
from tieline.engine.rows import Row
from tieline.ports.landscape import TenantSetup


@dataclass(slots=True)
class LanePlan:
    """What one lane's planning came to. `approved`: gates whose changes are applied now; `proposed` wait for a yes."""

    state: LaneState
    decided: Decided
    difference: Difference
    apply: list[Item] = field(default_factory=list)
    approved: list[Row] = field(default_factory=list)
    stale: list[Row] = field(default_factory=list)
    proposed: dict[str, list[Item]] = field(default_factory=dict)


def plan_lane(setup: TenantSetup, state: LaneState, now: datetime) -> LanePlan:
    """Pure: decide, compare, and sort the gated changes into approved, stale and proposed."""
    decided = decide(setup, state, now)
    found = difference(setup, state, decided)
    plan = LanePlan(state=state, decided=decided, difference=found, apply=found.changes())
    if decided.error:
        return plan
    _sort_gates(plan, found.gated, state.plans)
    return plan


def _sort_gates(plan: LanePlan, gated: Mapping[str, Sequence[Item]], plans: Sequence[Row]) -> None:
    for row in plans:
        items = gated.get(row["gate"])
        same = items is not None and gate_digest(items) == bytes(row["digest"])
        if row["state"] == "approved" and same:
            plan.approved.append(row)
            plan.apply += items or []
        elif not same:
            plan.stale.append(row)
    settled = {row["gate"] for row in plan.approved}
    open_gates = {row["gate"] for row in plans if row not in plan.stale and row not in plan.approved}
    plan.proposed = {g: list(items) for g, items in gated.items() if g not in settled and g not in open_gates}

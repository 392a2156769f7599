"""Run the flows of one lane until they mint nothing new. Pure: same state and instant, same decisions (A4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from tieline.engine.planning.load import LaneState, flows_of, sight, snapshot
from tieline.kit.errors import Defect
from tieline.ports.decisions import Decision, Movement
from tieline.ports.flows import Record
from tieline.ports.landscape import TenantSetup

ROUNDS_MAX = 8
D = TypeVar("D", bound=Decision)


@dataclass(slots=True)
class Decided:
    """What the flows of one lane say now. `minted` are the movements that were not records before."""

    decisions: list[Decision] = field(default_factory=list)
    minted: list[Movement] = field(default_factory=list)
    error: str | None = None
    within: timedelta = timedelta(hours=4)

    def of(self, kind: type[D]) -> list[D]:
        return [decision for decision in self.decisions if isinstance(decision, kind)]


def decide(setup: TenantSetup, state: LaneState, now: datetime) -> Decided:
    """A movement minted in one round is a record in the next, so that what follows from it is planned at once.

    A flow that fails is our defect: it freezes the lane (nothing else is decided) and is reported as a hold.
    """
    result = Decided()
    try:
        for _ in range(ROUNDS_MAX):
            view = snapshot(setup, state, now)
            flows = flows_of(setup, state)
            result.decisions = [d for flow in flows for d in flow.decide(sight(flow, state, view))]
            result.within = min((flow.within for flow in flows), default=result.within)
            fresh = [m for m in result.of(Movement) if m.key not in state.records.get(m.kind, {})]
            if not fresh:
                return result
            result.minted += fresh
            _remember(state, fresh)
        raise Defect(f"{state.name} minted movements for {ROUNDS_MAX} rounds without end")
    except Exception as error:  # a flow is code of ours: whatever it raises freezes this lane and nothing else (O5)
        return Decided(error=f"{type(error).__name__}: {error}")


def _remember(state: LaneState, movements: Iterable[Movement]) -> None:
    for movement in movements:
        state.records.setdefault(movement.kind, {})[movement.key] = Record(
            kind=movement.kind, id=movement.key, version=1, doc=movement.doc, lane=state.name, minted=True,
            legal_entity=state.lane["legal_entity"], part=movement.part,
            marks=frozenset(movement.marks) if movement.part is not None else None,
        )  # fmt: skip

"""Desired against planned: which replicas are new, changed, ended or untouched. Absence never retracts. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from tieline.engine.planning.decide import Decided
from tieline.engine.planning.load import LaneState
from tieline.engine.rows import Row
from tieline.kit.canonical import Json, digest
from tieline.ports.decisions import Act, Desired, Ended, Hold, Notice, Target
from tieline.ports.landscape import TenantSetup

Action = Literal["create", "update", "end", "none"]
_PRIORITY = {"act": 1, "movement": 3, "state": 5, "notice": 7}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One decision resolved to a system: what the replica ought to be."""

    replica_id: str
    lane: str
    system: str
    target: Target
    doc: Json
    digest: bytes
    nature: str
    after: tuple[str, ...] = ()
    gate: str | None = None
    basis: int = 0
    order_group: str = ""
    subject: str | None = None
    covers: bytes | None = None
    expires_at: datetime | None = None
    cause: str | None = None
    ended: str | None = None
    part: str | None = None
    silent: bool = False  # nothing is sent: left in place, or the system has no way to end it

    @property
    def priority(self) -> int:
        return _PRIORITY[self.nature]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of a plan."""

    wanted: Wanted
    action: Action
    before: Row | None

    @property
    def revision(self) -> int:
        planned = self.before["revision"] if self.before else 0
        return int(planned) if self.action == "none" else int(planned) + 1


@dataclass(slots=True)
class Difference:
    items: list[Item] = field(default_factory=list)
    gated: dict[str, list[Item]] = field(default_factory=lambda: defaultdict(list))
    holds: list[Hold] = field(default_factory=list)

    def changes(self) -> list[Item]:
        return [item for item in self.items if item.action != "none"]


def difference(setup: TenantSetup, state: LaneState, decided: Decided) -> Difference:
    """Compare what the flows of a lane want with its replicas. Changes behind a gate are kept apart."""
    result = Difference(holds=list(decided.of(Hold)))
    for wanted in _resolve(setup, state, decided, result.holds):
        before = state.replicas.get(wanted.replica_id)
        action, hold = judge_change(before, wanted)
        if hold is not None:
            result.holds.append(hold)
        item = Item(wanted=wanted, action=action, before=before)
        if wanted.gate is not None and action != "none":
            result.gated[wanted.gate].append(item)
        else:
            result.items.append(item)
    return result


def gate_digest(items: Iterable[Item]) -> bytes:
    """What a person's yes to a gated plan is bound to: every replica, what it was, what it becomes."""
    return digest([describe_item(item) for item in sorted(items, key=lambda i: i.wanted.replica_id)])


def describe_item(item: Item) -> dict[str, Any]:
    """The line as people and the API see it."""
    return {
        "replica_id": item.wanted.replica_id, "system": item.wanted.system, "kind": item.wanted.target.kind,
        "key": item.wanted.target.key, "action": item.action, "before": item.before["doc"] if item.before else None,
        "after": item.wanted.doc, "gate": item.wanted.gate,
    }  # fmt: skip


def judge_change(before: Row | None, wanted: Wanted) -> tuple[Action, Hold | None]:
    """What a replica needs to become `wanted`; a hold when it may not change any more."""
    if before is None:
        return ("none", None) if wanted.ended else ("create", None)
    if wanted.ended:
        return ("none" if before["ended"] == wanted.ended else "end"), None
    if bytes(before["digest"]) == wanted.digest or before["basis"] > wanted.basis or before["ended"]:
        return "none", None
    if before["nature"] == "state" or (before["nature"] == "act" and _unsent(before)):
        return "update", None
    return "none", _changed_after_the_fact(before, wanted)


def _unsent(before: Row) -> bool:
    return before["settled_revision"] == 0 and before["status"] in ("waiting", "awaiting_approval", "pending")


def _changed_after_the_fact(before: Row, wanted: Wanted) -> Hold:
    return Hold(
        code="MOVEMENT_CHANGED", subject=wanted.replica_id, owner="integration",
        sentence=f"The {wanted.target.kind} {wanted.target.key} was minted once and would now come out differently.",
        way_out="Nothing was changed. Correct it with a mirrored movement; tell us, since this is a defect of a flow.",
        evidence={"was": before["doc"], "would_be": wanted.doc},
    )  # fmt: skip


def _resolve(setup: TenantSetup, state: LaneState, decided: Decided, holds: list[Hold]) -> Iterable[Wanted]:
    seen: set[str] = set()
    for decision in decided.decisions:
        if not isinstance(decision, Desired | Act | Notice | Ended):
            continue
        system = setup.route(decision.target.role, decision.target.legal_entity)
        if system is None:
            holds.append(_no_system(decision.target))
            continue
        if not isinstance(decision, Ended) and setup.systems[system].operation(decision.target.kind, "put") is None:
            holds.append(_not_offered(decision.target, system))
            continue
        wanted = _wanted(setup, state, decision, system)
        if wanted is not None and wanted.replica_id not in seen:
            seen.add(wanted.replica_id)
            yield wanted


def _wanted(
    setup: TenantSetup, state: LaneState, decision: Desired | Act | Notice | Ended, system: str
) -> Wanted | None:
    target = decision.target
    common: dict[str, Any] = {"replica_id": replica_id(system, target), "system": system, "target": target}
    match decision:
        case Desired():
            after = _after(setup, decision.after)
            return Wanted(
                **common, lane=decision.lane or state.name, doc=decision.doc, digest=digest(decision.doc),
                nature=decision.nature, after=after, gate=decision.gate, basis=decision.basis,
                order_group=decision.order_group, part=decision.part,
            )  # fmt: skip
        case Act():
            covers = bytes.fromhex(decision.covers) if decision.covers else digest(decision.doc)
            return Wanted(
                **common, lane=state.name, doc=decision.doc, digest=digest(decision.doc), nature="act", subject=decision.subject,
                covers=covers, after=_after(setup, decision.after), part=decision.part,
            )  # fmt: skip
        case Notice():
            return Wanted(
                **common, lane=state.name, doc=decision.doc, digest=digest(decision.doc), nature="notice",
                expires_at=decision.expires_at, cause=decision.cause, part=decision.part,
            )  # fmt: skip
        case Ended():
            before = state.replicas.get(common["replica_id"])
            if before is None:
                return None
            silent = decision.how == "leave" or setup.systems[system].operation(target.kind, "end") is None
            return Wanted(
                **common, doc=before["doc"], digest=bytes(before["digest"]), nature=before["nature"], ended=decision.how,
                silent=silent, lane=before["lane"], part=before["part"],
            )  # fmt: skip


def _after(setup: TenantSetup, targets: Iterable[Target]) -> tuple[str, ...]:
    systems = ((setup.route(t.role, t.legal_entity), t) for t in targets)
    return tuple(replica_id(system, target) for system, target in systems if system is not None)


def replica_id(system: str, target: Target) -> str:
    return f"{system}/{target.kind}/{target.key}"


def _no_system(target: Target) -> Hold:
    return Hold(
        code="NO_SYSTEM", subject=f"{target.role}/{target.legal_entity}", owner="integration",
        sentence=f"No system is configured as {target.role} for {target.legal_entity}.",
        way_out=f"Name one under roles.{target.role} in tieline.yaml, then run: tieline config check",
    )  # fmt: skip


def _not_offered(target: Target, system: str) -> Hold:
    return Hold(
        code="NO_SYSTEM", subject=f"{target.role}/{target.legal_entity}/{target.kind}", owner="integration",
        sentence=f"{system} is configured as {target.role} for {target.legal_entity} but does not take a {target.kind}.",
        way_out=f"Name a system that does under roles.{target.role} in tieline.yaml, then restart.",
    )  # fmt: skip


def revisions(replicas: Mapping[str, Row], items: Iterable[Item]) -> dict[str, tuple[int, int]]:
    """Replica -> (planned revision, settled revision), this plan's changes included."""
    known = {rid: (row["revision"], row["settled_revision"]) for rid, row in replicas.items()}
    known |= {i.wanted.replica_id: (i.revision, known.get(i.wanted.replica_id, (0, 0))[1]) for i in items}
    return known

"""The ledger of a run in one line for people and one document for machines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tieline.entrypoints.chaos.verdicts import INVARIANTS

if TYPE_CHECKING:
    from tieline.entrypoints.chaos.run import Run

WRONG_MAX = 20


def document(run: Run) -> dict[str, Any]:
    """`invariants` name what was wrong, at most twenty each."""
    found = {name: judge(run.evidence) for name, judge in INVARIANTS.items()}
    in_flight, evidence = run.ledger.in_flight, run.evidence
    return {
        "seed": run.seed,
        "kills": {"total": run.ledger.total, **run.ledger.kills},
        "crash_points": {"distinct": len(run.points), "hit": dict(sorted(run.points.items()))},
        "in_flight_at_kills": {"max": max(in_flight, default=0), "total": sum(in_flight)},
        "inputs": len(evidence.store["inputs"]),
        "effects": len(evidence.store["effects"]),
        "repeated_effects": sum(row["attempt"] > 1 for row in evidence.store["effects"]),
        "vendor_writes": len(evidence.truth),
        "posted_invoices": sum(row["posting"] == "T" for row in evidence.erp["invoices"]),
        "quiet_after_s": round(evidence.quiet_s, 1),
        "duration_s": round(run.duration_s, 1),
        "invariants": {name: {"ok": not wrong, "wrong": wrong[:WRONG_MAX]} for name, wrong in found.items()},
        "verdict": "broken" if any(found.values()) else "held",
    }


def summary(found: Mapping[str, Any]) -> str:
    kills, points, flight = found["kills"], found["crash_points"], found["in_flight_at_kills"]
    victims = ", ".join(f"{count} {name}" for name, count in kills.items() if name != "total")
    held = [name for name, one in found["invariants"].items() if one["ok"]]
    wrong = [f"{name}: {one['wrong'][0]}" for name, one in found["invariants"].items() if not one["ok"]]
    return (
        f"kill test: seed {found['seed']}, {kills['total']} kills ({victims}), {points['distinct']} distinct crash points, "
        f"in flight at kills max {flight['max']} total {flight['total']}, {found['inputs']} inputs, {found['effects']} effects "
        f"({found['repeated_effects']} repeated), {found['posted_invoices']} invoices posted, quiet after "
        f"{found['quiet_after_s']} s, {found['duration_s']} s in all: {found['verdict'].upper()} ({' '.join(held)})"
        + "".join(f"\n  broken {line}" for line in wrong)
    )

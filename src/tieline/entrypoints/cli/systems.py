"""doctor on the connected systems: does each answer, is its circuit closed, how much of its budget is left. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Check = dict[str, Any]


def check(name: str, ok: bool, expected: str, seen: str, way_out: str) -> Check:
    return {"name": name, "ok": ok, "expected": expected, "seen": seen, "way_out": "" if ok else way_out}


def checks(row: Mapping[str, Any], fine: bool, seen: str) -> list[Check]:
    """`fine` and `seen` are what asking it live has shown."""
    last = row.get("last_webhook_at")
    found = [
        check(
            f"system {row['name']}", fine, "answers", f"{seen}; last webhook {str(last)[:19]}Z" if last else seen,
            "check its address and credential in tieline.yaml; work waits and goes on by itself",
        )
    ]  # fmt: skip
    if row.get("connector") is not None:
        found.append(circuit(row))
    if row.get("budget"):
        found.append(budget(row["name"], row["budget"]))
    return found


def circuit(row: Mapping[str, Any]) -> Check:
    """Open: nothing is sent but a probe every few seconds. Half open: such a probe is under way."""
    state = str(row.get("circuit") or "closed").replace("_", " ")
    seen = state
    if state != "closed":
        seen = f"{state} since {_at(row.get('circuit_since'))}: {row.get('circuit_reason') or 'it did not answer'}"
    return check(
        f"circuit {row['name']}", state == "closed", "closed", seen,
        "look whether the system is up; it is asked every few seconds and closes with the first answer, nothing is lost",
    )  # fmt: skip


def budget(name: str, of: Mapping[str, Any]) -> Check:
    """Calls at once with what is free and kept, the day's quota, and a silence that the vendor asked for: that is no fault."""
    kept = f", {of['kept_for_listings']} of them kept for listings" if of["kept_for_listings"] else ""
    said = [f"{of['free']} of {of['at_once']} calls at once are free{kept}"]
    if of["workers"]:
        said.append(f"{of['leased']} leased by {of['workers']} worker(s)")
    if day := of.get("day"):
        said.append(_day(day))
    if of.get("paused_until"):
        said.append(f"silent until {_at(of['paused_until'])}: {of.get('reason') or 'the vendor asked for it'}")
    if of["turned_away"]:
        said.append(f"{of['turned_away']} of {of['calls']} calls were turned away so far")
    stopped: Sequence[str] = day["stopped"] if day else ()
    return check(
        f"budget {name}", not stopped, "every kind of call may be made", "; ".join(said),
        "the quota begins anew at midnight UTC; buy more calls, or correct `limits: {daily: …}` if the vendor allows more",
    )  # fmt: skip


def _day(day: Mapping[str, Any]) -> str:
    kept = ", ".join(f"{count:,} from {of}" for of, count in day["kept_from"].items())
    text = f"{day['left']:,} of {day['limit']:,} calls of the day are left ({kept} are kept)"
    return f"{text}, so these wait for tomorrow: {', '.join(day['stopped'])}" if day["stopped"] else text


def _at(moment: Any) -> str:
    return f"{str(moment)[:19].replace('T', ' ')} UTC" if moment else "an unknown time"

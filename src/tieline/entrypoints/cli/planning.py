"""plan: of one contract or of all, now or under another configuration; what is printed and whether anything changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tieline.entrypoints.cli import views
from tieline.entrypoints.cli.client import Client
from tieline.entrypoints.cli.exits import USAGE, Problem, problem

Doc = Mapping[str, Any]
NAME = "configuration"  # what the hub calls a handed-in file in its faults


def text_of(config: str) -> str:
    try:
        return Path(config).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise problem(
            f"{config} cannot be read ({type(error).__name__}).", code="usage", status=400, exit_code=USAGE,
            way_out="name another file with --config",
        ) from None  # fmt: skip


def plan(hub: Client, contract: str, config: str | None) -> dict[str, Any]:
    """What would change now; with `config`, what starting the hub with that file would change. Nothing is written."""
    body = {} if config is None else {"configuration": text_of(config)}
    try:
        found: dict[str, Any] = hub.post(f"/process/v1/contracts/{contract}/plans", body)
    except Problem as refused:
        raise named(refused, config) from None
    return found


def named(refused: Problem, config: str | None) -> Problem:
    """Faults of the file under its own name, so that they can be found."""
    if config is None or refused.document.get("code") != "configuration_invalid":
        return refused
    document = dict(refused.document)
    document["errors"] = [
        {**fault, "message": str(fault["message"]).replace(f"{NAME}:", f"{config}:", 1)}
        for fault in document.get("errors") or ()
    ]
    if document["errors"]:
        document["detail"] = f"{config} has {len(document['errors'])} fault(s)."
    return Problem(document)


@dataclass(slots=True)
class Summary:
    """Counts over all contracts: changes and what is left per system and kind, holds per code."""

    contracts: int = 0
    changing: list[str] = field(default_factory=list)
    changes: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    holds: Counter[str] = field(default_factory=Counter)

    def add(self, found: Doc) -> None:
        self.contracts += 1
        if views.changes(found):
            self.changing.append(str(found["contract_id"]))
        for item in found["items"]:
            if item["action"] not in views.UNCHANGED:
                self.changes[(item["system"], item["kind"], item["action"])] += 1
        self.left.update({each["system"]: each["count"] for each in found.get("left", ())})
        self.holds.update(hold["code"] for hold in found["holds"])

    def document(self) -> dict[str, Any]:
        return {
            "contracts": self.contracts,
            "contracts_that_change": self.changing,
            "changes": [
                {"system": system, "kind": kind, "action": action, "count": count}
                for (system, kind, action), count in sorted(self.changes.items())
            ],
            "left": [{"system": system, "count": count} for system, count in sorted(self.left.items())],
            "holds": [{"code": code, "count": count} for code, count in sorted(self.holds.items())],
        }

    def lines(self) -> Iterator[str]:
        yield f"Plan for {self.contracts} contracts, of which {len(self.changing)} change"
        for (system, kind, action), count in sorted(self.changes.items()):
            title = views.TITLES.get(kind, kind)
            yield f"  {views.SIGNS.get(action, '?')} {action} {count} × {title} in {system}"
        for code, count in sorted(self.holds.items()):
            yield f"  ! hold  {count} × {code}"
        yield from views.left_lines(self.document())
        yield ""
        yield views.counted({name: self.count(name) for name in ("create", "update", "end")})

    def count(self, action: str) -> int:
        return sum(count for (_, _, each), count in self.changes.items() if each == action)


def plan_all(hub: Client, config: str | None) -> Summary:
    """The plans of all contracts, counted. A client or project that several contracts share counts for each of them."""
    summary = Summary()
    for contract in hub.rows("/experience/v1/contracts"):
        summary.add(plan(hub, contract["id"], config))
    return summary

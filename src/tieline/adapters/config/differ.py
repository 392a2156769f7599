"""What changes between two configurations: `tieline config diff`, and what a change means for the firm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tieline.adapters.config.explain import explain
from tieline.adapters.config.marks import Marked


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigChange:
    """`before` or `after` is None when the setting is new or gone. `meaning` is one sentence, empty when none is needed."""

    path: str
    before: Any
    after: Any
    meaning: str = ""


def diff(old: Marked, new: Marked) -> list[ConfigChange]:
    """Both must be valid (Rejected otherwise). Sorted by path; empty when nothing that counts is different."""
    before = {each.path: each.value for each in explain(old)}
    after = {each.path: each.value for each in explain(new)}
    return [
        ConfigChange(path=path, before=before.get(path), after=after.get(path), meaning=_meaning(path))
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    ]


def _meaning(path: str) -> str:
    words = path.split(".")
    section = words[2] if words[0] == "tenants" and len(words) > 2 else words[0]
    return {
        "roles": "Documents of this role are planned for another system; run `tieline plan` to see which.",
        "biller": "Another system composes the invoices from now on; drafts that exist stay where they are.",
        "rater": "Another system prices work from now on; what is priced stays.",
        "systems": "Documents in this system may look different; run `tieline plan` to see which.",
        "schedules": "What begins by itself begins at other hours; run `tieline config schedules` to see the next ones.",
        "database": "The hub uses another database after a restart; the old one keeps what it has.",
        "home": "The hub looks for its files elsewhere after a restart; nothing is moved.",
    }.get(section, "")

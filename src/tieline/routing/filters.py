"""Which business events an endpoint wants to hear. Nothing asked for means everything."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from tieline.kit.errors import Fault, Rejected

_PATTERN = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*(\.\*)?")
PATTERNS_MAX = 50


@dataclass(frozen=True, slots=True)
class Filter:
    """`types`: whole event types or `prefix.*`. With `legal_entities`, events of no legal entity are left out, too."""

    types: frozenset[str] = frozenset()
    legal_entities: frozenset[str] = frozenset()

    def wants(self, event_type: str, legal_entity: str | None) -> bool:
        if self.legal_entities and legal_entity not in self.legal_entities:
            return False
        return not self.types or any(_covers(pattern, event_type) for pattern in self.types)


def checked_filter(types: Iterable[str], legal_entities: Iterable[str], known_types: Collection[str]) -> Filter:
    """Raises Rejected for a pattern that can never match: a typing error must not become silence."""
    wanted = frozenset(types)
    faults = [
        Fault("/types", f"{pattern} is not an event type of the catalogue, nor such a beginning followed by .*")
        for pattern in sorted(wanted)
        if not _PATTERN.fullmatch(pattern) or not any(_covers(pattern, known) for known in known_types)
    ]
    if len(wanted) > PATTERNS_MAX:
        faults.append(Fault("/types", f"holds more than {PATTERNS_MAX} patterns"))
    if faults:
        raise Rejected("The endpoint asks for event types that do not exist.", faults=faults)
    return Filter(wanted, frozenset(legal_entities))


def _covers(pattern: str, event_type: str) -> bool:
    if pattern.endswith(".*"):
        return event_type.startswith(pattern[:-1])
    return event_type == pattern

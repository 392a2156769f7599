"""Which pattern each (kind, role) follows, and the rules by which a choice contradicts itself or the rest of the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tieline.adapters.config.complaints import fault, nearest
from tieline.adapters.config.marks import Marked, Path
from tieline.adapters.config.model import CriticalityPart, TenantPart
from tieline.domain.ownership_defaults import REQUIRED_FIELDS
from tieline.kit.errors import Fault

ORDERED = ("invoice_posting",)  # what somebody orders, and may therefore wait for
WAIT_MAX_S = 30.0
_CENSUS_FULL_S = 86_400.0


def check_criticality(base: Path, part: TenantPart, marked: Marked) -> Iterator[Fault]:
    for kind, roles in part.criticality.items():
        path = (*base, "criticality", kind)
        if kind not in REQUIRED_FIELDS:
            yield fault(marked, path, f"there is no kind '{kind}'{nearest(kind, list(REQUIRED_FIELDS))}", key=True)
            continue
        for role, given in roles.items():
            if role not in part.roles:
                message = f"the role '{role}' is played by no system{nearest(role, list(part.roles))}"
                yield fault(marked, (*path, role), message, key=True)
            for message in _contradictions(kind, role, given, part):
                yield fault(marked, (*path, role), message, key=True)


def _contradictions(kind: str, role: str, given: CriticalityPart, part: TenantPart) -> Iterator[str]:
    if given.pattern == "synchronous":
        if kind not in ORDERED:
            yield f"{kind} is not ordered by anybody, so nobody can wait for it: use event or scheduled"
        if given.wait is None:
            yield "synchronous needs wait: how long the caller waits for the confirmation"
        elif given.wait > WAIT_MAX_S:
            yield f"wait is {given.wait:g} s, and a caller waits at most {WAIT_MAX_S:g} s"
    elif given.wait is not None:
        yield f"wait goes with synchronous only, not with {given.pattern}"
    if given.pattern == "scheduled" and kind in ORDERED:
        yield f"{kind} goes when it is released, not on a schedule: use synchronous or event"
    listed = _listed_every(kind, role, part)
    if given.window is not None and listed is not None and given.window < listed:
        yield f"window is {given.window:g} s, but the census compares only every {listed:g} s: list it more often"


def _listed_every(kind: str, role: str, part: TenantPart) -> float | None:
    """The longest distance between two full listings among the systems of the role."""
    players = part.roles.get(role, {})
    names = set(players.values()) if isinstance(players, Mapping) else {players}
    found = [
        part.systems[name].census[kind].full
        for name in names
        if name in part.systems and kind in part.systems[name].census
    ]
    known = [every if every is not None else _CENSUS_FULL_S for every in found]
    return max(known, default=_CENSUS_FULL_S) if players else None

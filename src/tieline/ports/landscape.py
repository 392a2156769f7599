"""One tenant's compiled configuration, as the engine needs it. The composition root builds it; nothing here does I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, Protocol

from tieline.ports.clock import WALL, BusinessClock
from tieline.ports.flows import Flow
from tieline.ports.limits import Allowance
from tieline.ports.systems import Change, Source, System


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What a hold code means for people: who owns it and how it is resolved."""

    owner: str
    way_out: str


def owns_nothing(system: str, kind: str, field: str, legal_entity: str) -> bool:
    return False


Meant = Literal["recreate", "hold", "accept"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """How often the census lists one kind of one system, None: never by itself; and what a proven deletion there means.

    Only state is made again or let go by itself; movements and acts always wait for a person.
    A census that would retract more than `retract_max` documents, or `retract_share` of them, stops and asks.
    """

    full_s: float | None = 86_400.0
    changed_s: float | None = 900.0
    missing: Meant = "hold"
    retract_max: int = 50
    retract_share: float = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantSetup:
    """`route` chooses the system for (role, legal entity), None when the firm has none.

    `refuse` names the reason when a system may not write a change (ownership), None when it may.
    `describe` names the business event that an accepted change is; `check_fact` refuses what is not in the catalogue.
    `poll_every_s`: source -> seconds between polls; absent: not polled.
    `today` is the calendar date of an instant where the legal entity lives; `clock` is what instant business goes by.
    `census`: (system, kind) -> its cadence, where it is not the usual one.
    `owns` says whether a system owns a field of a kind there, (system, kind, field, legal entity): then it is never drift.
    """

    tenant: str
    firm: Any
    config_version: str
    systems: Mapping[str, System]
    sources: Mapping[str, Source]
    flows: tuple[Flow, ...]
    route: Callable[[str, str], str | None]
    refuse: Callable[[str, Change], str | None]
    today: Callable[[str | None, datetime], date]
    poll_every_s: Mapping[str, float]
    advise: Callable[[str], Advice]
    describe: Callable[[Change], tuple[str, dict[str, Any]] | None]
    check_fact: Callable[[str, dict[str, Any]], None]
    census: Mapping[tuple[str, str], Cadence] = field(default_factory=dict)
    owns: Callable[[str, str, str, str], bool] = owns_nothing
    allowances: Mapping[str, Allowance] = field(default_factory=dict)  # system -> what it draws on, if not its own
    weight: int = 1  # beside other tenants, where one budget or one worker serves several
    clock: BusinessClock = WALL


Landscape = Mapping[str, TenantSetup]


def present(landscape: Landscape, now: datetime) -> datetime:
    """The business instant of this hub while the wall clock shows `now`; all its firms live on one clock."""
    return next((setup.clock.present(now) for setup in landscape.values()), now)


class Cipher(Protocol):
    """Encrypts what must not lie in the store in clear. `context` binds a ciphertext to its place (X11)."""

    def seal(self, plaintext: bytes, context: bytes) -> bytes: ...

    def open(self, ciphertext: bytes, context: bytes) -> bytes:
        """Raises Defect when the ciphertext was not sealed for this context."""
        ...

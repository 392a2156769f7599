"""What a flow is to the engine: a pure function over a snapshot of one lane."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tieline.kit.canonical import Json
from tieline.ports.decisions import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One canonical entity as the engine stores it. `minted` records are movements.

    `part`: the part of its lane, None when it is looked at in every planning. `marks`: what is still open about it; None
    when nobody keeps marks because everything is at hand.
    """

    kind: str
    id: str
    version: int
    doc: Json
    lane: str
    legal_entity: str | None = None
    recorded_at: datetime | None = None
    minted: bool = False
    part: str | None = None
    marks: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaView:
    """What is known of one replica. `observed` holds only what the system was seen to hold (canonical fields)."""

    kind: str
    key: str
    system: str
    status: str
    revision: int
    settled_revision: int
    confirmed_revision: int
    doc: Json
    observed: Json = None
    external: Json = None
    observed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A person's yes to exactly one digest (hex)."""

    subject: str
    digest: str
    principal: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawView:
    """What a request to pools was answered. What is not granted waits for headroom."""

    key: str
    pools: tuple[str, ...]
    wanted: Decimal
    granted: Decimal
    unit: str
    work_on: date
    part: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolView:
    """A pool as it stands. One that nobody declared has no limit to give from: `declared_by` is None."""

    pool: str
    unit: str
    granted: Decimal
    total: Decimal | None = None
    period: str | None = None
    per_period: Decimal | None = None
    basis: int = 0
    declared_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All a flow may know. `records` is kind -> id -> record: the lane's own, its context, and what it minted."""

    tenant: str
    lane: str
    today: date
    now: datetime
    firm: Any
    records: Mapping[str, Mapping[str, Record]]
    replicas: Mapping[tuple[str, str], tuple[ReplicaView, ...]] = field(
        default_factory=dict
    )  # (kind, key) -> one per system
    approvals: Mapping[str, tuple[Approval, ...]] = field(default_factory=dict)
    changed: frozenset[tuple[str, str]] = frozenset()
    draws: Mapping[str, DrawView] = field(default_factory=dict)  # requests of this lane that are still open
    pools: Mapping[str, PoolView] = field(default_factory=dict)  # those it declares, and those it waits for
    # What flows work out from this snapshot alone, shared by all that look at it; another snapshot starts with nothing.
    worked_out: dict[Any, Any] = field(default_factory=dict, init=False, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ref:
    kind: str
    id: str


Records = Mapping[str, Mapping[str, Record]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a flow of the whole lane reads beside the terms, by mark.

    `parts`: parts with a record that bears one of these marks, loaded whole, as an `each` flow sees them;
    `records`: only the records that bear one of these.
    """

    parts: frozenset[str] = frozenset()
    records: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Each:
    """How a kind of which a lane may have a million comes in parts, each planned without the others.

    `part` of a document: what must be judged together.
    `beside`: what belongs to one record wherever it is kept: records and replicas by (kind, id), known beforehand.
    `terms`: everything else that the flow's answer depends on; when it changes, all parts are planned again, in chunks.
    `chunk`: how many parts one transaction takes, which bounds a worker's memory.
    """

    kind: str
    part: Callable[[Json], str]
    beside: Callable[[str, Record], Iterable[Ref]]
    terms: Callable[[Snapshot], Json]
    chunk: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """`root` is the record kind that owns the lane. `context` names records of other lanes that `decide` will read.

    With `each`, `decide` sees the records that belong to no part and some parts, in any cut; what it says about one part
    must not depend on another. Without, it sees what belongs to no part, the parts with a record marked as in `follows`
    (with their replicas), and what it `needs` now.
    """

    name: str
    root: str
    decide: Callable[[Snapshot], Iterable[Decision]]
    owner: str
    within: timedelta
    context: Callable[[Records], Iterable[Ref]] = lambda records: ()
    each: Each | None = None
    follows: frozenset[str] = frozenset()
    needs: Callable[[Snapshot], Needs] = lambda snapshot: Needs()

"""What a flow is to the engine: a pure function over a snapshot of one lane."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from tieline.kit.canonical import Json
from tieline.ports.decisions import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One canonical entity as the engine stores it. `minted` records are movements."""

    kind: str
    id: str
    version: int
    doc: Json
    lane: str
    legal_entity: str | None = None
    recorded_at: datetime | None = None
    minted: bool = False


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Ref:
    kind: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """`root` is the record kind that owns the lane. `context` names records of other lanes that `decide` will read."""

    name: str
    root: str
    decide: Callable[[Snapshot], Iterable[Decision]]
    owner: str
    within: timedelta
    context: Callable[[Mapping[str, Mapping[str, Record]]], Iterable[Ref]] = lambda records: ()

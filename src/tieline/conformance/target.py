"""What an examinee brings along: a running system, its connector's settings, and an honest witness of what happened."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

from tieline.conformance.report import Waiver
from tieline.ports.systems import Envelope, ExternalRef
from tieline.ports.vault import Secret
from tieline.sdk import Connector


class Truth(Protocol):
    """What the system really did, learnt behind the connector's back: a twin's journal, or a census in a real system."""

    async def effects(self, envelope: Envelope) -> int:
        """How often the document with `envelope.marker` came into being (a posting: was posted); replacing it is no other."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleTerms:
    """Words that the system under examination knows, for the documents that the exam makes up.

    `day`: when the work is done, billed and posted; for a system whose clock cannot be moved it must be today.
    """

    legal_entity: str
    currency: str
    tax_code: str = "STANDARD"
    tax_rate: str = "0.20"
    service_line: str = "DATA"
    resource_id: str = "exam-resource"
    country: str = "DE"
    day: date = date(2026, 3, 31)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSide:
    """For connectors that tell us things. `expected` are the source ids that `topic` holds while the exam runs.

    `delivery`: headers (lower case), raw body and present instant of one webhook that is signed well.
    `kinds`: record kind -> canonical class, for the mapping page and the round trip.
    """

    topic: str
    kinds: Mapping[str, type[Any]]
    expected: Callable[[], Awaitable[Collection[str]]] | None = None
    delivery: Callable[[], Awaitable[tuple[Mapping[str, str], bytes, datetime]]] | None = None
    missing_id: str = "00000000-0000-4000-8000-000000000000"
    pollable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamTarget:
    """`settings` without base_url: the exam puts its fault proxy in between and fills that in itself.

    `expire_tokens` (F10) makes the system forget all sessions. `wait` lets a search index catch up.
    """

    connector: type[Connector]
    base_url: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    overlay: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    truth: Truth | None = None
    terms: SampleTerms | None = None
    source: SourceSide | None = None
    expire_tokens: Callable[[], Awaitable[None]] | None = None
    wait: Callable[[float], Awaitable[None]] = asyncio.sleep
    absent_ref: ExternalRef = field(default_factory=lambda: ExternalRef(id="999999999"))
    waivers: Mapping[str, Waiver] = field(default_factory=dict)  # "check" or "check:kind"

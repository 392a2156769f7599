"""What the engine needs from a foreign system. `tieline.sdk` turns a connector into this."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, Protocol, runtime_checkable

from tieline.kit.canonical import Json
from tieline.kit.errors import TielineError


class OperationClass(StrEnum):
    """What a repeat of the call does at the vendor; decides everything after an unknown outcome (D4)."""

    K_ONCE = "K-once"  # the vendor remembers our key: repeat the same bytes
    K_PUT = "K-put"  # upsert by our key: repeat the same revision; the next one waits for the fence
    Q = "Q"  # no key, but our marker can be searched: fence, wait, look, decide
    N = "N"  # neither: a person decides


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalRef:
    """Where a document lives in a system. `version` is the vendor's own, for recognising echoes."""

    id: str
    version: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One planned revision on its way out. `key` is stable per effect; `marker` per document, for searching."""

    kind: str
    document_key: str
    doc: Json
    revision: int
    key: str
    marker: str
    ref: ExternalRef | None = None
    links: Mapping[str, ExternalRef] = field(default_factory=dict)  # "kind/key" -> where it lives in this system
    legal_entity: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What the engine must know of one call. `batch`: how many documents one call takes; never more than one in class N.

    `all_or_none`: a batch takes effect whole or not at all; without it the call answers for each document by itself.
    """

    kind: str
    verb: Literal["put", "end"]
    op_class: OperationClass
    consistency_window: timedelta = timedelta(0)  # how long a search may not see a finished write
    max_life: timedelta = timedelta(seconds=30)  # after this the vendor no longer executes a call we gave up on
    observable: bool = True  # can be read back
    batch: int = 1
    all_or_none: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What a system was seen to hold, in canonical fields; only fields that the system carries."""

    doc: Json
    ref: ExternalRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One document as a listing tells it. `row` is the connector's own: `listed` turns it into canonical fields."""

    marker: str
    ref: ExternalRef
    row: Json
    changed_at: str | None = None  # as the system spells it; for people


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One page of a listing; `token` leads to the next, None: there is none."""

    rows: tuple[Listed, ...]
    token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOrder:
    """Which documents to list: from `token` on, all or at least those changed since; or exactly those bearing `markers`.

    `until`: nothing behind this place; only for kinds that the system lists in parts.
    """

    token: str | None = None
    until: str | None = None
    changed_since: datetime | None = None
    markers: tuple[str, ...] = ()


class System(Protocol):
    """One connected system of one tenant.

    All calls may raise the tree of `tieline.kit.errors`: Transient (certainly no effect), Unknown, Rejected, Conflict,
    Blocked, CredentialInvalid. Anything else is treated as a Defect with an unknown outcome.
    """

    name: str
    connector: str
    mapping_version: str
    concurrency: int

    def operation(self, kind: str, verb: str) -> Operation | None: ...

    async def put(self, envelope: Envelope) -> ExternalRef: ...

    async def end(self, envelope: Envelope, how: str) -> ExternalRef: ...

    async def look(self, envelope: Envelope) -> ExternalRef | None:
        """Search by marker on the primary read path; None is certain absence as of now."""
        ...

    async def read(self, envelopes: Sequence[Envelope]) -> Sequence[Observed | None]:
        """Read back many documents of one kind, in order."""
        ...


@runtime_checkable
class Lister(Protocol):
    """A system whose populations can be listed. May raise the error tree; a listing has no effect.

    `page_documents`: kinds that can be listed in parts, several pages at a time, and how many documents a page takes.
    A place (`token`, `until`) of such a kind is the id in a document's reference, in the order of numbers.
    """

    listed_kinds: tuple[str, ...]
    page_documents: Mapping[str, int]

    async def list_documents(self, kind: str, order: ListOrder) -> Listing: ...

    def listed(self, kind: str, found: Listed, ours: Json) -> Observed:
        """The canonical fields of a row in the spelling of read-back; pure. `ours` is {} for what we do not know."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One thing a webhook says. `dedup` is the sender's own id of the fact; `source_id` what to fetch or whose it is."""

    topic: str
    source_id: str
    dedup: str
    occurred_at: datetime | None = None
    body: Json = None  # complete document, when the event is not thin


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A canonical record version that an input carries. `source_version` orders versions of one record in its source."""

    kind: str
    id: str
    lane: str
    source_version: str
    doc: Json
    fact: str | None = None  # event type in the catalogue
    legal_entity: str | None = None
    valid_from: str | None = None
    fields: tuple[str, ...] | None = None  # None: the whole document


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceItem:
    """One source record version read by polling or fetching."""

    topic: str
    source_id: str
    source_version: str
    body: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    items: tuple[SourceItem, ...]
    cursor: str


class TakesMany(Protocol):
    """A system of which an operation has a batch: many documents of one kind in one call."""

    async def put_many(self, envelopes: Sequence[Envelope]) -> Mapping[str, ExternalRef | TielineError]:
        """By the envelope's key, what became of each; Unknown for every one that the answer does not speak of.

        Raises the error tree for the call as a whole.
        """
        ...


class Source(Protocol):
    """A system that tells us things. All methods may raise the error tree; `changes` raises Rejected or Blocked."""

    name: str
    topics: tuple[str, ...]

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Sequence[Notification]:
        """Check signature, window and shape over the raw bytes. Raises NotAllowed or Rejected. No I/O."""
        ...

    async def fetch(self, topic: str, source_ids: Sequence[str]) -> Sequence[SourceItem | None]:
        """The present state of thin notifications, in order; None: gone."""
        ...

    def pages(self, topic: str, cursor: str | None) -> AsyncIterator[Page]:
        """Oldest change first, `cursor` inclusive and overlapping."""
        ...

    def changes(self, item: SourceItem) -> Sequence[Change]:
        """Pure mapping into canonical records; an unknown vendor value raises Blocked, never a guess."""
        ...

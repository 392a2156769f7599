"""What a connector can do, one small class per canonical document. A connector inherits what it declares, nothing else.

Every capability that writes documents has the same three methods, so the engine, the exam and the documentation treat all kinds alike:

    put_x(envelope)    make the system hold this document; return where. Called at most once at a time per document.
    find_x(envelope)   search by marker on the primary read path. None means: certainly not there (as of now).
    read_x(envelopes)  read many back as canonical fields, in order; None: gone. Only fields that the system carries.

They raise the error tree of `tieline.kit.errors`. They do not sleep, retry, log, cache, read the clock or remember.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from tieline.domain.documents import LedgerLine
from tieline.kit.canonical import Json
from tieline.kit.errors import TielineError
from tieline.ports.systems import (
    Change,
    Envelope,
    ExternalRef,
    Listed,
    Listing,
    ListOrder,
    Notification,
    Observed,
    Page,
    SourceItem,
)

Read = Sequence[Observed | None]
Rows = Mapping[str, ExternalRef | TielineError]


class Capability(ABC):
    """`kind` is the canonical document; the method names end in `verb_name`."""

    kind: ClassVar[str]
    verb_name: ClassVar[str]


class WritesClients(Capability):
    kind, verb_name = "client", "client"

    @abstractmethod
    async def put_client(self, envelope: Envelope) -> ExternalRef: ...

    @abstractmethod
    async def find_client(self, envelope: Envelope) -> ExternalRef | None: ...

    @abstractmethod
    async def read_client(self, envelopes: Sequence[Envelope]) -> Read: ...


class WritesProjects(Capability):
    """links: `client/<client_id>`."""

    kind, verb_name = "project", "project"

    @abstractmethod
    async def put_project(self, envelope: Envelope) -> ExternalRef: ...

    @abstractmethod
    async def find_project(self, envelope: Envelope) -> ExternalRef | None: ...

    @abstractmethod
    async def read_project(self, envelopes: Sequence[Envelope]) -> Read: ...


class WritesWorkElements(Capability):
    """links: `project/<project_id>`."""

    kind, verb_name = "work_element", "work_element"

    @abstractmethod
    async def put_work_element(self, envelope: Envelope) -> ExternalRef: ...

    @abstractmethod
    async def find_work_element(self, envelope: Envelope) -> ExternalRef | None: ...

    @abstractmethod
    async def read_work_element(self, envelopes: Sequence[Envelope]) -> Read: ...


class WritesBillingRules(Capability):
    """links: `work_element/<work_element_id>` and `project/<project_id>`."""

    kind, verb_name = "billing_rule", "billing_rule"

    @abstractmethod
    async def put_billing_rule(self, envelope: Envelope) -> ExternalRef: ...

    @abstractmethod
    async def find_billing_rule(self, envelope: Envelope) -> ExternalRef | None: ...

    @abstractmethod
    async def read_billing_rule(self, envelopes: Sequence[Envelope]) -> Read: ...


class WritesTimeCharges(Capability):
    """links: `work_element/<work_element_id>` and `project/<project_id>`."""

    kind, verb_name = "time_charge", "time_charge"

    @abstractmethod
    async def put_time_charge(self, envelope: Envelope) -> ExternalRef: ...

    @abstractmethod
    async def find_time_charge(self, envelope: Envelope) -> ExternalRef | None: ...

    @abstractmethod
    async def read_time_charge(self, envelopes: Sequence[Envelope]) -> Read: ...


class WritesTimeChargesInBulk(WritesTimeCharges):
    """Many charges in one call, as its operation declares (`batch`, `all_or_none`).

    Answers by `envelope.key` and never by position: a reference, or the error that this row alone was answered with. What
    the vendor's answer does not name is left out, and counts as unknown. Raises for the call as a whole; a refusal of the
    whole batch is Rejected, whereupon the engine sends its halves until the bad row stands alone.
    """

    @abstractmethod
    async def put_many_time_charge(self, envelopes: Sequence[Envelope]) -> Rows: ...


class WritesInvoices(Capability):
    """Unposted drafts only. links: `client/<id>`, `project/<id>`. `withdraw_invoice` takes back a draft, never a posting."""

    kind, verb_name = "invoice", "invoice"

    @abstractmethod
    async def put_invoice(self, envelope: Envelope) -> ExternalRef: ...

    @abstractmethod
    async def find_invoice(self, envelope: Envelope) -> ExternalRef | None: ...

    @abstractmethod
    async def read_invoice(self, envelopes: Sequence[Envelope]) -> Read: ...

    @abstractmethod
    async def withdraw_invoice(self, envelope: Envelope) -> ExternalRef: ...


class PostsInvoices(Capability):
    """links: `invoice/<invoice_id>`. The reference returned carries the ERP's own document number in `extra["number"]`.

    `find_` answers the reference only if the invoice *is posted*: after a lost answer the state decides, not the text.
    """

    kind, verb_name = "invoice_posting", "invoice_posting"

    @abstractmethod
    async def put_invoice_posting(self, envelope: Envelope) -> ExternalRef: ...

    @abstractmethod
    async def find_invoice_posting(self, envelope: Envelope) -> ExternalRef | None: ...

    @abstractmethod
    async def read_invoice_posting(self, envelopes: Sequence[Envelope]) -> Read: ...


class TellsInvoices(Capability):
    """Tells people or their systems that an invoice is posted. A notice is told at most once, so nothing is searched or read.

    Its operation is of class N and not observable: after a lost answer nobody asks again, and nothing is repeated.
    """

    kind, verb_name = "invoice_notice", "invoice_notice"

    @abstractmethod
    async def put_invoice_notice(self, envelope: Envelope) -> ExternalRef: ...


class ReadsLedger(ABC):
    @abstractmethod
    async def ledger_of(self, invoice: ExternalRef, legal_entity: str) -> Sequence[LedgerLine]:
        """The posted move of an invoice; empty while it is not posted."""


class ListsDocuments(ABC):
    """Lists whole populations for the census, page by page, whoever made the documents.

    `list_documents` tells what bears a marker, ours or another's; what bears none is left out. Pages may overlap and
    rows may move between them while somebody works there: the census takes each document once and asks for what it
    misses. Which documents were changed since a moment may be answered too widely, never too narrowly.
    `listed` is pure: the canonical fields of one row in the spelling of read-back, where `ours` is the document that
    we believe in, {} if none. The census calls it, because only the hub knows our documents.

    `page_documents` names the kinds that can be listed in parts, with how many documents a page takes: there `token` and
    `until` are ids of documents, in the order of numbers, and several pages may be asked for at a time.
    """

    listed_kinds: ClassVar[tuple[str, ...]]
    page_documents: ClassVar[Mapping[str, int]] = {}

    @abstractmethod
    async def list_documents(self, kind: str, order: ListOrder) -> Listing: ...

    @abstractmethod
    def listed(self, kind: str, found: Listed, ours: Json) -> Observed: ...


class SourceOfRecords(ABC):
    """Tells us things: signed webhooks (checked over the raw bytes), fetching, polling, and the pure mapping."""

    topics: ClassVar[tuple[str, ...]]
    tells_all: ClassVar[bool] = False  # `pages` without a cursor tells every record there is, so what it lacks is gone

    @abstractmethod
    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Sequence[Notification]:
        """`headers` has lower-case names. Raises NotAllowed (signature, window) or Rejected (shape)."""

    @abstractmethod
    async def fetch(self, topic: str, source_ids: Sequence[str]) -> Sequence[SourceItem | None]: ...

    @abstractmethod
    def pages(self, topic: str, cursor: str | None) -> AsyncIterator[Page]: ...

    @abstractmethod
    def changes(self, item: SourceItem) -> Sequence[Change]: ...

"""The business events: typed, past tense, versioned. What happened stays true, also when something newer supersedes it.

Facts about source records carry the whole record; facts of the hub carry what a reader needs to act without asking back.
The class is the schema: `docs/reference/events/` is generated from it and closed when writing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, TypeVar

from tieline.domain.documents import TimeCharge
from tieline.domain.records import (
    Amendment,
    ClientRecord,
    Contract,
    ContractApproval,
    InvoiceRequest,
    PurchaseOrder,
    TimeEntry,
)
from tieline.kit.canonical import Json, plain
from tieline.kit.money import Money

PREFIX = "dev.tieline."
C = TypeVar("C", bound=type)


@dataclass(frozen=True, slots=True, kw_only=True)
class FactType:
    """`name` is `<entity>.<fact>`; the major version is in the type, the full one in the schema's address."""

    name: str
    version: str
    shape: type

    @property
    def type(self) -> str:
        return f"{PREFIX}{self.name}.v{self.version.split('.')[0]}"

    @property
    def schema_id(self) -> str:
        return f"https://tieline.dev/events/{self.name}/{self.version}"


_TYPES: dict[str, FactType] = {}
_BY_SHAPE: dict[type, FactType] = {}
CATALOGUE: Mapping[str, FactType] = _TYPES


def fact(name: str, *, version: str) -> Callable[[C], C]:
    """Enter a class into the catalogue under `dev.tieline.<name>.v<major>`."""

    def enter(shape: C) -> C:
        entry = FactType(name=name, version=version, shape=shape)
        assert entry.type not in _TYPES, f"{entry.type} is declared twice"
        _TYPES[entry.type] = _BY_SHAPE[shape] = entry
        return shape

    return enter


def type_of(event: object) -> str:
    """The event type of an instance of a catalogued class."""
    return _BY_SHAPE[type(event)].type


def payload(event: object) -> dict[str, Json]:
    """The event's data as plain JSON."""
    written: dict[str, Json] = plain(event)
    return written


def fact_of_record(kind: str, doc: Mapping[str, Json]) -> str | None:
    """The event type that an accepted version of a source record is; None for kinds that are no event of their own."""
    state = str(doc.get("state"))
    match kind:
        case "client_record":
            name = "client.recorded"
        case "contract":
            name = f"contract.{state}" if state in ("signed", "terminated") else "contract.recorded"
        case "contract_approval":
            name = "contract.approved"
        case "amendment":
            name = "amendment.signed" if doc.get("signed_at") else "amendment.recorded"
        case "time_entry":
            name = "time_entry.approved" if state == "approved" else "time_entry.recorded"
        case "invoice_request":
            name = "invoice.requested"
        case "purchase_order":
            name = "purchase_order.recorded"
        case _:
            return None
    return f"{PREFIX}{name}.v1"


@fact("client.recorded", version="1.0")
@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRecorded(ClientRecord):
    """A version of the client's record was accepted."""


@fact("purchase_order.recorded", version="1.0")
@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseOrderRecorded(PurchaseOrder):
    """A version of the client's order was accepted."""


@fact("contract.recorded", version="1.0")
@dataclass(frozen=True, slots=True, kw_only=True)
class ContractRecorded(Contract):
    """A version of the contract that is not signed was accepted."""


@fact("contract.signed", version="1.0")
@dataclass(frozen=True, slots=True, kw_only=True)
class ContractSigned(Contract):
    """The signed contract was accepted."""


@fact("contract.terminated", version="1.0")
@dataclass(frozen=True, slots=True, kw_only=True)
class ContractTerminated(Contract):
    """The contract was ended in its source."""


@fact("contract.approved", version="1.0")
@dataclass(frozen=True, slots=True, kw_only=True)
class ContractApproved(ContractApproval):
    """Another system's approval of the contract arrived."""


@fact("amendment.recorded", version="1.0")
@dataclass(frozen=True, slots=True, kw_only=True)
class AmendmentRecorded(Amendment):
    """A version of the amendment that is not signed was accepted."""


@fact("amendment.signed", version="1.0")
@dataclass(frozen=True, slots=True, kw_only=True)
class AmendmentSigned(Amendment):
    """The signed amendment was accepted. It is legally effective from its dates, whatever any system says."""


@fact("time_entry.recorded", version="1.0")
@dataclass(frozen=True, slots=True, kw_only=True)
class TimeEntryRecorded(TimeEntry):
    """A version of the time entry that is not approved was accepted."""


@fact("time_entry.approved", version="1.0")
@dataclass(frozen=True, slots=True, kw_only=True)
class TimeEntryApproved(TimeEntry):
    """The approved time entry was accepted."""


@fact("invoice.requested", version="1.0")
@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceRequested(InvoiceRequest):
    """A person asked for an invoice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedReplica:
    """One document in one system, as it was read back from that system."""

    kind: str
    key: str
    system: str
    revision: int
    external_id: str | None
    observed_digest: str


@fact("contract.activated", version="1.0")
@dataclass(frozen=True, slots=True, kw_only=True)
class ContractActivated:
    """Every system that needs the contract was read back holding what it ought to hold."""

    contract_id: str
    number: str
    legal_entity: str
    activated_at: datetime
    replicas: tuple[ConfirmedReplica, ...]


@fact("amendment.propagated", version="1.0")
@dataclass(frozen=True, slots=True, kw_only=True)
class AmendmentPropagated:
    """The certificate: every system that prices by this amendment was read back with its rate."""

    amendment_id: str
    contract_id: str
    number: int
    legal_entity: str
    effective_from: date
    certified_at: datetime
    replicas: tuple[ConfirmedReplica, ...]


@fact("charge.minted", version="1.0")
@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeMinted(TimeCharge):
    """Approved work was priced, once and for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _InvoiceFact:
    invoice_id: str
    contract_id: str
    legal_entity: str
    total: Money


@fact("invoice.prepared", version="1.0")
@dataclass(frozen=True, slots=True, kw_only=True)
class InvoicePrepared(_InvoiceFact):
    """The invoice is frozen; `digest` is what its release must name."""

    net: Money
    tax: Money
    charges: int
    digest: str


@fact("invoice.approved", version="1.0")
@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceApproved(_InvoiceFact):
    """A person released exactly the document with this digest."""

    digest: str
    approved_by: str
    approved_at: datetime


@fact("invoice.drafted", version="1.0")
@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceDrafted(_InvoiceFact):
    """The unposted draft was read back from the ERP with the same figures."""

    system: str
    external_id: str | None


@fact("invoice.posted", version="1.0")
@dataclass(frozen=True, slots=True, kw_only=True)
class InvoicePosted(_InvoiceFact):
    """The ERP was read back with the invoice posted. `number` is the ERP's own."""

    system: str
    external_id: str | None
    number: str | None


@fact("invoice.withdrawn", version="1.0")
@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceWithdrawn(_InvoiceFact):
    """The draft showed other figures (`seen`), was taken back, and its charges are free for a new invoice."""

    system: str
    seen: dict[str, str]


@fact("hold.raised", version="1.0")
@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRaised:
    """Something may not move, and `owner` is asked to act. Sentence and money are with the hold itself."""

    code: str
    subject: str
    owner: str


@fact("hold.lifted", version="1.0")
@dataclass(frozen=True, slots=True, kw_only=True)
class HoldLifted:
    """The reason is gone."""

    code: str
    subject: str


@fact("hold.retried", version="1.0")
@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRetried:
    """A person had everything that these subjects wait for tried again now; the inputs were read once more."""

    subjects: tuple[str, ...]
    input_ids: tuple[str, ...]


@fact("hold.settled", version="1.0")
@dataclass(frozen=True, slots=True, kw_only=True)
class HoldSettled:
    """A person looked after a call without an answer: it is there under `external_id`, or it never happened (none)."""

    subject: str
    external_id: str | None


@fact("endpoint.changed", version="1.0")
@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointChanged:
    """Who is told by webhook changed: by a person's order, or because the endpoint takes nothing any more."""

    endpoint_id: str
    change: Literal[
        "registered", "rotated", "disabled", "enabled", "resent", "recovered", "disabled_gone", "disabled_failing"
    ]


@fact("plan.proposed", version="1.0")
@dataclass(frozen=True, slots=True, kw_only=True)
class PlanProposed:
    """Changes behind a gate wait for a person's yes to exactly this plan."""

    plan_id: str
    gate: str
    changes: int


@fact("plan.applied", version="1.0")
@dataclass(frozen=True, slots=True, kw_only=True)
class PlanApplied:
    """A person applied exactly this plan."""

    plan_id: str
    gate: str
    by: str


@fact("effect.settled", version="1.0")
@dataclass(frozen=True, slots=True, kw_only=True)
class EffectSettled:
    """The outcome of one change in a foreign system is known."""

    kind: str
    key: str
    system: str
    revision: int
    verb: Literal["put", "end", "tell"]
    outcome: Literal["applied", "failed", "rejected", "ambiguous", "superseded"]
    effect_key: str
    external_id: str | None = None
    code: str | None = None


@fact("input.superseded", version="1.0")
@dataclass(frozen=True, slots=True, kw_only=True)
class InputSuperseded:
    """An accepted version was already replaced by a newer one and changes nothing."""

    kind: str
    id: str
    source_version: str
    current_version: str


@fact("input.rejected", version="1.0")
@dataclass(frozen=True, slots=True, kw_only=True)
class InputRejected:
    """An accepted input could not be understood and waits for repair."""

    source: str
    topic: str
    code: str
    reason: str

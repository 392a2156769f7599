"""A contract as its flows read it: typed records, the terms known now, and what the systems were seen to hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Generic, TypeVar

import msgspec

from tieline.domain.amendments import Terms, terms_of
from tieline.domain.contract import check_contract
from tieline.domain.documents import Invoice, TimeCharge
from tieline.domain.firm import Firm
from tieline.domain.holds import Finding, finding
from tieline.domain.invoicing import InvoiceWithdrawal, billed_charges
from tieline.domain.names import client_document_id, posting_id, project_id
from tieline.domain.rates import KnownAmendment
from tieline.domain.records import Amendment, ClientRecord, Contract, InvoiceRequest, PurchaseOrder, TimeEntry
from tieline.kit.canonical import digest, restore
from tieline.kit.money import Money
from tieline.ports.decisions import Target
from tieline.ports.flows import Approval, Record, ReplicaView, Snapshot

T = TypeVar("T")
UNBILLED = "unbilled"  # a charge that is on no live invoice
INVOICED = "invoiced"  # a charge on an invoice whose posting is not ordered yet


@dataclass(frozen=True)
class Known(Generic[T]):
    """A typed value beside the record that holds it."""

    value: T
    record: Record


class Readable(Mapping[str, Known[T]]):
    """The records of one kind that have its shape, in order of id; `unreadable` says what is wrong with the others."""

    def __init__(self, records: Mapping[str, Record], shape: type[T]) -> None:
        self._known: dict[str, Known[T]] = {}
        self.unreadable: dict[str, str] = {}
        self._parts: dict[str, str | None] = {}
        for key, record in sorted(records.items()):
            try:
                self._known[key] = Known(restore(record.doc, shape), record)
            except (msgspec.ValidationError, ValueError, ArithmeticError) as fault:
                self.unreadable[f"{record.kind}:{key}"] = str(fault).split(" - ")[0]
                self._parts[f"{record.kind}:{key}"] = record.part

    def __getitem__(self, key: str) -> Known[T]:
        return self._known[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def part_of(self, name: str) -> str | None:
        """The part of the unreadable record of this name."""
        return self._parts.get(name)

    @property
    def all(self) -> tuple[T, ...]:
        return tuple(known.value for known in self._known.values())


def has_mark(record: Record, mark: str) -> bool:
    """Where no marks are kept, what they would say follows from the other records."""
    return record.marks is None or mark in record.marks


class ContractView:
    """Everything a contract's flow may know. Built once per snapshot; computes each answer at most once."""

    @classmethod
    def of(cls, snapshot: Snapshot) -> ContractView:
        if cls not in snapshot.worked_out:
            snapshot.worked_out[cls] = cls(snapshot)
        view: ContractView = snapshot.worked_out[cls]
        return view

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.tenant = snapshot.tenant
        self.firm: Firm = snapshot.firm
        self.contracts = self._read("contract", Contract)
        self.clients = self._read("client_record", ClientRecord)
        self.amendments = self._read("amendment", Amendment)
        self.entries = self._read("time_entry", TimeEntry)
        self.requests = self._read("invoice_request", InvoiceRequest)
        self.orders = self._read("purchase_order", PurchaseOrder)
        self.charges = self._read("charge", TimeCharge)
        self.invoices = self._read("invoice", Invoice)
        self.withdrawals = self._read("invoice_withdrawal", InvoiceWithdrawal)

    @cached_property
    def exists(self) -> bool:
        return len(self.contracts) > 0

    @cached_property
    def contract(self) -> Contract:
        return self.contracts.all[0]

    @cached_property
    def version(self) -> int:
        """Grows whenever the contract or one of its amendments has a newer version."""
        return sum(known.record.version for kind in (self.contracts, self.amendments) for known in kind.values())

    @cached_property
    def client(self) -> Known[ClientRecord] | None:
        return self.clients.get(self.contract.client_id)

    @cached_property
    def today(self) -> date:
        """The calendar day at the contract's legal entity."""
        entity = self.contract.legal_entity
        known = entity in self.firm.legal_entities
        return self.firm.today(entity, self.snapshot.now) if known else self.snapshot.today

    @cached_property
    def terms(self) -> Terms:
        now = self.snapshot.now
        known = [
            KnownAmendment(amendment=k.value, known_at=k.record.recorded_at or now) for k in self.amendments.values()
        ]
        confirmed = {
            key
            for key, k in self.amendments.items()
            if self.approval(f"amendment_terms:{key}", digest(k.record.doc).hex())
        }
        return terms_of(self.contract, known, now, confirmed)

    @cached_property
    def cap(self) -> Money | None:
        """What may be charged at most, as known today."""
        return self.terms.cap_on(self.today)

    @cached_property
    def purchase_order(self) -> PurchaseOrder | None:
        known = self.orders.get(self.contract.purchase_order_id or "")
        return known.value if known is not None else None

    @cached_property
    def unreadable(self) -> dict[str, str]:
        """Records without the shape of their kind. One of contract, client or amendment stops the whole contract."""
        return self._core_unreadable | self.entries.unreadable | self.requests.unreadable

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """Why the contract may not be set up, charged or billed."""
        approved = bool(self.snapshot.records.get("contract_approval"))
        client = self.client.value if self.client else None
        return (
            *check_contract(self.contract, client, self.firm, approved=approved),
            *self._client_trades_otherwise(),
            *self._client_changed(),
        )

    @cached_property
    def ready(self) -> bool:
        return self.exists and not self._core_unreadable and not self.findings

    @cached_property
    def live_invoices(self) -> tuple[Invoice, ...]:
        """Minted and not withdrawn."""
        gone = {withdrawal.invoice_id for withdrawal in self.withdrawals.all}
        return tuple(invoice for invoice in self.invoices.all if invoice.id not in gone)

    @cached_property
    def unbilled(self) -> tuple[TimeCharge, ...]:
        billed = billed_charges(self.live_invoices)
        return tuple(
            known.value for key, known in self.charges.items() if key not in billed and has_mark(known.record, UNBILLED)
        )

    def approval(self, subject: str, digest_hex: str) -> Approval | None:
        """A person's yes to exactly this digest."""
        given = self.snapshot.approvals.get(subject, ())
        return next((approval for approval in given if approval.digest == digest_hex), None)

    def replica(self, target: Target) -> ReplicaView | None:
        """The replica of a target in the system that is configured for it today."""
        system = self.firm.system_for(target.role, target.legal_entity)
        views = self.snapshot.replicas.get((target.kind, target.key), ())
        return next((view for view in views if view.system == system), None)

    def booked_elsewhere(self, invoice_id: str) -> bool:
        """Whether its posting was ordered in a system that is the ERP no more: books stay where they were written."""
        erp = self.firm.system_for("erp", self.contract.legal_entity)
        views = self.snapshot.replicas.get(("invoice_posting", posting_id(self.tenant, invoice_id)), ())
        return any(view.system != erp and view.revision > 0 for view in views)

    def _read(self, kind: str, shape: type[T]) -> Readable[T]:
        return Readable(self.snapshot.records.get(kind, {}), shape)

    @cached_property
    def _core_unreadable(self) -> dict[str, str]:
        money = self.charges.unreadable | self.invoices.unreadable | self.withdrawals.unreadable
        return self.contracts.unreadable | self.clients.unreadable | self.amendments.unreadable | money

    def _client_changed(self) -> Iterator[Finding]:
        """A project that exists belongs to a client; another name in the CLM is a question, not a second customer."""
        contract = self.contract
        wanted = client_document_id(self.tenant, contract.client_id, contract.legal_entity)
        for view in self.snapshot.replicas.get(("project", project_id(self.tenant, contract.id)), ()):
            existing = (view.doc or {}).get("client_id")
            if view.confirmed_revision > 0 and existing not in (None, wanted):
                name = self.client.value.name if self.client else contract.client_id
                yield finding(
                    "CLIENT_CHANGED", number=contract.number, existing=existing, system=view.system, wanted=name
                )

    def _client_trades_otherwise(self) -> Iterator[Finding]:
        """One client document serves all contracts of a legal entity: the second contract may not change its terms."""
        contract = self.contract
        key = client_document_id(self.tenant, contract.client_id, contract.legal_entity)
        for view in self.snapshot.replicas.get(("client", key), ()):
            existing = (view.doc or {}).get("tax_code")
            if existing not in (None, contract.tax_code) and view.confirmed_revision > 0:
                yield finding(
                    "CLIENT_TERMS_DIFFER",
                    client_id=contract.client_id,
                    system=view.system,
                    legal_entity=contract.legal_entity,
                    field="tax code",
                    existing=existing,
                    number=contract.number,
                    wanted=contract.tax_code,
                )

"""A small firm on paper: build a snapshot, run a flow, and play the systems' part by confirming what it asks for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from tieline.domain.documents import Address
from tieline.domain.firm import Firm, LegalEntity
from tieline.domain.records import (
    Amendment,
    ClientRecord,
    Contract,
    ContractApproval,
    ContractLine,
    InvoiceRequest,
    RateChange,
    TimeEntry,
)
from tieline.flows.registry import all_flows
from tieline.kit.canonical import digest, plain
from tieline.kit.money import Money
from tieline.ports.decisions import Act, Decision, Desired, Ended, Hold, Movement
from tieline.ports.flows import Approval, Flow, Record, ReplicaView, Snapshot

D = TypeVar("D")
ROUNDS = 8

FIRM = Firm(
    tenant="northwind",
    legal_entities={
        "DE01": LegalEntity(
            code="DE01", country="DE", currency="EUR", zone="Europe/Berlin", taxes={"STANDARD": Decimal("0.19")}
        ),
        "US01": LegalEntity(
            code="US01", country="US", currency="USD", zone="America/New_York", taxes={"EXEMPT": Decimal(0)}
        ),
    },
    roles={"clm": {"*": "ironclad"}, "erp": {"DE01": "tryton", "US01": "netsuite"}},
    service_lines=frozenset({"DATA", "CLOUD"}),
    config_version="1",
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NOON = at("2026-04-01T10:00:00")


def day(text: str) -> date:
    return date.fromisoformat(text)


def eur(amount: str) -> Money:
    return Money.of(amount, "EUR")


def line(id: str = "L1", rate: str = "200", hours: str = "100", **changes: Any) -> ContractLine:
    given = ContractLine(
        id=id,
        name=f"Line {id}",
        service_line="DATA",
        strategy="time_and_materials",
        planned_hours=Decimal(hours),
        rate=eur(rate),
    )
    return replace(given, **changes)


def contract(*lines: ContractLine, **changes: Any) -> Contract:
    given = Contract(
        id="con_1",
        number="C-100",
        title="Data platform",
        client_id="cl_1",
        legal_entity="DE01",
        currency="EUR",
        tax_code="STANDARD",
        starts_on=day("2026-01-01"),
        ends_on=None,
        state="signed",
        signed_at=at("2025-12-15T10:00:00"),
        lines=lines or (line(),),
    )
    return replace(given, **changes)


def client(**changes: Any) -> ClientRecord:
    address = Address(street="Kai 1", city="Hamburg", postal_code="20457", country="DE")
    return replace(ClientRecord(id="cl_1", name="Hanse Logistik GmbH", address=address), **changes)


def amendment(number: int = 1, rate: str = "210", frm: str = "2026-04-01", **changes: Any) -> Amendment:
    given = Amendment(
        id=f"am_{number}",
        contract_id="con_1",
        number=number,
        signed_at=at("2026-03-10T09:00:00"),
        effective_from=day(frm),
        effective_to=None,
        changes=(RateChange(line_id="L1", rate=eur(rate)),),
    )
    return replace(given, **changes)


def entry(id: str = "te_1", worked: str = "2026-03-02", hours: str = "8", **changes: Any) -> TimeEntry:
    given = TimeEntry(
        id=id,
        contract_id="con_1",
        line_id="L1",
        resource_id="anna",
        work_date=day(worked),
        hours=Decimal(hours),
        state="approved",
        approved_by="boris",
        approved_at=at("2026-03-05T12:00:00"),
        narrative=id,
    )
    return replace(given, **changes)


def request(id: str = "rq_1", through: str = "2026-03-31", **changes: Any) -> InvoiceRequest:
    given = InvoiceRequest(
        id=id, contract_id="con_1", through=day(through), invoice_date=day("2026-03-31"), requested_by="fiona"
    )
    return replace(given, **changes)


def crm_approval() -> ContractApproval:
    return ContractApproval(id="ap_1", contract_id="con_1", approved_by="sam", approved_at=at("2025-12-16T08:00:00"))


_KINDS = {
    Contract: "contract",
    ClientRecord: "client_record",
    Amendment: "amendment",
    TimeEntry: "time_entry",
    InvoiceRequest: "invoice_request",
    ContractApproval: "contract_approval",
}


@dataclass
class World:
    """Records, replicas and approvals of one contract. `say` decides as the engine does: until nothing new is minted."""

    firm: Firm = FIRM
    now: datetime = NOON
    records: dict[str, dict[str, Record]] = field(default_factory=lambda: defaultdict(dict))
    replicas: dict[tuple[str, str, str], ReplicaView] = field(default_factory=dict)
    approvals: dict[str, tuple[Approval, ...]] = field(default_factory=dict)
    movements: list[Movement] = field(default_factory=list)

    def add(self, *given: Any, recorded_at: datetime | None = None) -> World:
        for one in given:
            self.put(_KINDS[type(one)], one.id, plain(one), recorded_at=recorded_at or getattr(one, "signed_at", None))
        return self

    def put(self, kind: str, id: str, doc: Any, *, recorded_at: datetime | None = None, minted: bool = False) -> None:
        known = self.records[kind].get(id)
        lane = "client:cl_1" if kind == "client_record" else "contract:con_1"
        self.records[kind][id] = Record(
            kind=kind,
            id=id,
            version=known.version + 1 if known else 1,
            doc=doc,
            lane=lane,
            recorded_at=recorded_at or self.now,
            minted=minted,
        )

    def snapshot(self) -> Snapshot:
        views: dict[tuple[str, str], list[ReplicaView]] = defaultdict(list)
        for (kind, key, _), view in self.replicas.items():
            views[(kind, key)].append(view)
        return Snapshot(
            tenant=self.firm.tenant,
            lane="contract:con_1",
            today=self.now.date(),
            now=self.now,
            firm=self.firm,
            records={kind: dict(rows) for kind, rows in self.records.items()},
            replicas={key: tuple(rows) for key, rows in views.items()},
            approvals=dict(self.approvals),
        )

    def say(self, *flows: Flow) -> list[Decision]:
        """All flows (or those named), in rounds, minting as they go."""
        for _ in range(ROUNDS):
            decisions = [d for flow in flows or all_flows() for d in flow.decide(self.snapshot())]
            fresh = [m for m in decisions if isinstance(m, Movement) and m.key not in self.records[m.kind]]
            if not fresh:
                return decisions
            for movement in fresh:
                self.movements.append(movement)
                self.put(movement.kind, movement.key, movement.doc, minted=True)
        raise AssertionError("minting did not come to an end")

    def settle(self) -> list[Decision]:
        """Every system takes and shows what it is told, until nothing changes any more."""
        for _ in range(ROUNDS):
            decisions = self.say()
            before = dict(self.replicas)
            for decision in decisions:
                if isinstance(decision, Desired | Act) and self._may(decision):
                    self.confirm(decision)
            if self.replicas == before:
                return decisions
        raise AssertionError("the systems did not come to rest")

    def confirm(self, decision: Desired | Act, *, sees: Any = None, status: str = "in_step") -> None:
        target = decision.target
        system = self.firm.system_for(target.role, target.legal_entity)
        assert system is not None
        known = self.replicas.get((target.kind, target.key, system))
        revision = known.revision if known and known.doc == decision.doc else (known.revision if known else 0) + 1
        self.replicas[(target.kind, target.key, system)] = ReplicaView(
            kind=target.kind,
            key=target.key,
            system=system,
            status=status,
            revision=revision,
            settled_revision=revision,
            confirmed_revision=revision if status == "in_step" else 0,
            doc=decision.doc,
            observed=decision.doc if sees is None else sees,
            external={"id": "4711", "extra": {"number": "2026/17"}},
        )

    def approve(self, subject: str, document: Any, principal: str = "fiona") -> None:
        given = Approval(subject=subject, digest=digest(document).hex(), principal=principal, at=self.now)
        self.approvals[subject] = (*self.approvals.get(subject, ()), given)

    def invoices(self) -> list[dict[str, Any]]:
        return [record.doc for _, record in sorted(self.records["invoice"].items())]

    def _may(self, decision: Desired | Act) -> bool:
        if isinstance(decision, Act):
            given = {a.digest for a in self.approvals.get(decision.subject, ())}
            return (decision.covers or digest(decision.doc).hex()) in given
        return decision.gate is None or decision.gate in self.approvals


def of(decisions: Iterable[Decision], kind: type[D]) -> list[D]:
    return [d for d in decisions if isinstance(d, kind)]


def holds(decisions: Iterable[Decision]) -> dict[str, Hold]:
    """Subject -> hold; a subject with two holds of other codes is kept under `subject code`."""
    found: dict[str, Hold] = {}
    for hold in of(decisions, Hold):
        found[hold.subject if hold.subject not in found else f"{hold.subject} {hold.code}"] = hold
    return found


def codes(decisions: Iterable[Decision]) -> set[str]:
    return {hold.code for hold in of(decisions, Hold)}


def desired(decisions: Iterable[Decision], kind: str) -> list[Desired]:
    return [d for d in of(decisions, Desired) if d.target.kind == kind]


def facts(decisions: Iterable[Decision]) -> set[str]:
    return {d.type.removeprefix("dev.tieline.").rsplit(".v", 1)[0] for d in decisions if hasattr(d, "data")}


__all__ = ["Ended", "World", "codes", "desired", "facts", "holds", "of"]

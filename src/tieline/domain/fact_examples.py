"""One true-to-life example of every business event: printed in the schemas, checked by the tests."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from tieline.domain import facts
from tieline.domain.documents import Address, TimeCharge
from tieline.domain.records import (
    Amendment,
    ClientRecord,
    Contract,
    ContractApproval,
    ContractLine,
    InvoiceRequest,
    PurchaseOrder,
    RateChange,
    TimeEntry,
)
from tieline.kit.money import Money

T = TypeVar("T")
_AT = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
_DIGEST = "7c1f0f7e2b5d4c3a9e8f6d5c4b3a2918"

_CLIENT = ClientRecord(
    id="cli_hanse",
    name="Hanse Logistik GmbH",
    address=Address(street="Am Sandtorkai 1", city="Hamburg", postal_code="20457", country="DE"),
    tax_registration="DE123456789",
)
_CONTRACT = Contract(
    id="con_100",
    number="C-100",
    title="Data platform",
    client_id="cli_hanse",
    legal_entity="DE01",
    currency="EUR",
    tax_code="STANDARD",
    starts_on=date(2026, 1, 1),
    ends_on=date(2027, 1, 1),
    state="signed",
    signed_at=_AT,
    lines=(
        ContractLine(
            id="lin_1",
            name="Senior consulting",
            service_line="DATA",
            strategy="time_and_materials",
            planned_hours=Decimal("100"),
            rate=Money.of("200", "EUR"),
        ),
    ),
    total=Money.of("20000.00", "EUR"),
)
_AMENDMENT = Amendment(
    id="am_1",
    contract_id="con_100",
    number=1,
    signed_at=_AT,
    effective_from=date(2026, 4, 1),
    effective_to=None,
    changes=(RateChange(line_id="lin_1", rate=Money.of("210", "EUR")),),
)
_ENTRY = TimeEntry(
    id="te_1",
    contract_id="con_100",
    line_id="lin_1",
    resource_id="res_7",
    work_date=date(2026, 3, 2),
    hours=Decimal("8"),
    state="approved",
    approved_by="usr_2",
    approved_at=_AT,
)
_APPROVAL = ContractApproval(id="ap_1", contract_id="con_100", approved_by="usr_3", approved_at=_AT)
_REQUEST = InvoiceRequest(
    id="rq_1", contract_id="con_100", through=date(2026, 3, 31), invoice_date=date(2026, 3, 31), requested_by="usr_4"
)
_ORDER = PurchaseOrder(
    id="po_1",
    number="4500012345",
    client_id="cli_hanse",
    amount=Money.of("20000.00", "EUR"),
    expires_on=date(2026, 7, 1),
)
_CHARGE = TimeCharge(
    id="chg_1",
    time_entry_id="te_1",
    work_element_id="wbs_1",
    project_id="prj_1",
    legal_entity="DE01",
    resource_id="res_7",
    work_date=date(2026, 3, 2),
    hours=Decimal("8"),
    rate=Money.of("200", "EUR"),
    amount=Money.of("1600.00", "EUR"),
)
_REPLICA = facts.ConfirmedReplica(
    kind="billing_rule", key="bil_1", system="tryton", revision=2, external_id="4711", observed_digest=_DIGEST
)
_INVOICE: Any = {
    "invoice_id": "inv_1",
    "contract_id": "con_100",
    "legal_entity": "DE01",
    "total": Money.of("1904.00", "EUR"),
}


def _as(shape: type[T], record: object) -> T:
    """The event of a record: the same fields under the event's own name."""
    return shape(**{f.name: getattr(record, f.name) for f in fields(record)})  # type: ignore[arg-type]


EXAMPLES: tuple[object, ...] = (
    _as(facts.ClientRecorded, _CLIENT),
    _as(facts.PurchaseOrderRecorded, _ORDER),
    _as(facts.ContractRecorded, _CONTRACT),
    _as(facts.ContractSigned, _CONTRACT),
    _as(facts.ContractTerminated, _CONTRACT),
    _as(facts.ContractApproved, _APPROVAL),
    _as(facts.AmendmentRecorded, _AMENDMENT),
    _as(facts.AmendmentSigned, _AMENDMENT),
    _as(facts.TimeEntryRecorded, _ENTRY),
    _as(facts.TimeEntryApproved, _ENTRY),
    _as(facts.InvoiceRequested, _REQUEST),
    _as(facts.ChargeMinted, _CHARGE),
    facts.ContractActivated(
        contract_id="con_100", number="C-100", legal_entity="DE01", activated_at=_AT, replicas=(_REPLICA,)
    ),
    facts.AmendmentPropagated(
        amendment_id="am_1",
        contract_id="con_100",
        number=1,
        legal_entity="DE01",
        effective_from=date(2026, 4, 1),
        certified_at=_AT,
        replicas=(_REPLICA,),
    ),
    facts.InvoicePrepared(
        **_INVOICE, net=Money.of("1600.00", "EUR"), tax=Money.of("304.00", "EUR"), charges=1, digest=_DIGEST
    ),
    facts.InvoiceApproved(**_INVOICE, digest=_DIGEST, approved_by="usr_4", approved_at=_AT),
    facts.InvoiceDrafted(**_INVOICE, system="tryton", external_id="4711"),
    facts.InvoicePosted(**_INVOICE, system="tryton", external_id="4711", number="2026/17"),
    facts.InvoiceWithdrawn(**_INVOICE, system="tryton", seen={"tax": "EUR 303.99"}),
    facts.HoldRaised(code="CLIENT_UNKNOWN", subject="contract:con_100", owner="sales"),
    facts.HoldLifted(code="CLIENT_UNKNOWN", subject="contract:con_100"),
    facts.HoldRetried(subjects=("tryton/project/prj_1",), input_ids=()),
    facts.HoldSettled(subject="tryton/invoice/inv_1", external_id="4711"),
    facts.EndpointChanged(endpoint_id="whe_1", change="registered"),
    facts.PlanProposed(plan_id="pln_1", gate="amendment:am_1", changes=1),
    facts.PlanApplied(plan_id="pln_1", gate="amendment:am_1", by="usr_5"),
    facts.EffectSettled(
        kind="project",
        key="prj_1",
        system="tryton",
        revision=1,
        verb="put",
        outcome="applied",
        effect_key=_DIGEST,
        external_id="4711",
    ),
    facts.InputSuperseded(kind="contract", id="con_100", source_version="3", current_version="4"),
    facts.InputRejected(
        source="ironclad", topic="agreement", code="MAPPING_MISSING", reason="Service line ROBOTICS is not mapped."
    ),
)

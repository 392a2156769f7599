"""The way of one prepared invoice through the ERP: released, drafted, compared, posted or withdrawn."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from tieline.domain.documents import Invoice
from tieline.domain.facts import InvoiceApproved, InvoiceDrafted, InvoicePosted, InvoicePrepared, InvoiceWithdrawn
from tieline.domain.holds import Finding, finding
from tieline.domain.invoicing import InvoiceWithdrawal, billed_charges, differences, figures, posting_of
from tieline.domain.names import withdrawal_id
from tieline.flows import caps
from tieline.flows.parts import LIVE, booked, given_back, taken_up
from tieline.flows.say import establish, external_id, external_number, hold
from tieline.flows.targets import ERP, NOTICES, client_at, invoice_at_erp, notice_of, posting_at_erp, project_at
from tieline.flows.view import ContractView
from tieline.kit.canonical import Json, digest, plain
from tieline.ports.decisions import Act, Decision, Desired, Ended, Fact, Mark, Movement, Notice, Return
from tieline.ports.flows import Approval, ReplicaView

_NOTICE_LIVES = timedelta(days=1)


def steps_of(view: ContractView, invoice: Invoice, doc: Json) -> Iterator[Decision]:
    """`doc` is the document as minted, to the byte; its digest is what finance released."""
    withdrawn = next((w for w in view.withdrawals.all if w.invoice_id == invoice.id), None)
    covered = digest(doc).hex()
    approval = view.approval(f"invoice:{invoice.id}", covered)
    yield _prepared(invoice, covered)
    if withdrawn is None:
        yield from taken_up(view, invoice)
    if withdrawn is not None:
        yield from _stays_withdrawn(view, invoice, withdrawn)
    elif approval is None:
        found = finding("AWAITING_RELEASE", invoice_id=invoice.id, contract=view.contract.number, total=invoice.total)
        evidence = {"digest": covered, "document": doc}
        yield hold(found, f"invoice:{invoice.id}", amount=invoice.total, evidence=evidence)
    else:
        yield _approved(invoice, approval)
        yield from caps.release(view, invoice)
        if not view.booked_elsewhere(invoice.id) and caps.may_release(view, invoice):
            yield from _drafted(view, invoice, doc, covered)


def _drafted(view: ContractView, invoice: Invoice, doc: Json, covered: str) -> Iterator[Decision]:
    draft = view.replica(invoice_at_erp(view, invoice.id))
    if draft is not None and (other := _disagrees(invoice, doc, draft)):
        yield _withdrawal(view, invoice, draft, other)
        return  # the next round of this decision sees the withdrawal as a record
    yield Desired(
        target=invoice_at_erp(view, invoice.id),
        doc=doc,
        nature="movement",
        after=(client_at(view, ERP), project_at(view, ERP)),
        part=_part(view, invoice),
    )
    if draft is not None and _is_confirmed(draft):
        yield _draft_is_equal(invoice, draft)
        yield _order_to_post(view, invoice, covered)
        yield from _posted(view, invoice)


def _is_confirmed(draft: ReplicaView) -> bool:
    return draft.revision > 0 and draft.confirmed_revision == draft.revision


def _disagrees(invoice: Invoice, doc: Json, draft: ReplicaView) -> dict[str, str]:
    """What the ERP shows otherwise, once the engine is sure of what it saw: a read that lags behind is asked again."""
    if draft.observed is None or not (draft.status == "differs" or _is_confirmed(draft)):
        return {}
    return differences(invoice, doc, draft.observed)


def _order_to_post(view: ContractView, invoice: Invoice, covered: str) -> Act:
    return Act(
        target=posting_at_erp(view, invoice.id),
        doc=plain(posting_of(view.tenant, invoice)),
        subject=f"invoice:{invoice.id}",
        covers=covered,
        after=(invoice_at_erp(view, invoice.id),),
        part=_part(view, invoice),
    )


def _posted(view: ContractView, invoice: Invoice) -> Iterator[Decision]:
    posting = view.replica(posting_at_erp(view, invoice.id))
    if posting is None or posting.revision == 0:
        return
    if (part := _part(view, invoice)) is not None:
        yield from booked(invoice)
    if posting.confirmed_revision != posting.revision:
        return
    event = InvoicePosted(
        invoice_id=invoice.id,
        contract_id=invoice.contract_id,
        legal_entity=invoice.legal_entity,
        total=invoice.total,
        system=posting.system,
        external_id=external_id(posting.external),
        number=external_number(posting.external),
    )
    yield establish(event, subject=f"invoice:{invoice.id}", cause=f"invoice.posted:{invoice.id}")
    until = (posting.observed_at or view.snapshot.now) + _NOTICE_LIVES  # what was posted long ago is no news
    if view.firm.system_for(NOTICES, invoice.legal_entity) is not None and until > view.snapshot.now:
        yield Notice(
            target=notice_of(view, invoice.id), doc=plain(event), cause=f"invoice.posted:{invoice.id}", expires_at=until,
            part=part,
        )  # fmt: skip
    yield from _done(view, invoice)


def _part(view: ContractView, invoice: Invoice) -> str | None:
    return view.invoices[invoice.id].record.part


def _done(view: ContractView, invoice: Invoice) -> Iterator[Mark]:
    """Nothing is left to do for it: it is not looked at any more."""
    if _part(view, invoice) is not None:
        yield Mark(kind="invoice", id=invoice.id, drop=(LIVE,))


def _withdrawal(view: ContractView, invoice: Invoice, draft: ReplicaView, other: dict[str, str]) -> Movement:
    """The decision is minted with both figures, so that a later read-back of an empty ERP does not undo it."""
    withdrawal = InvoiceWithdrawal(
        id=withdrawal_id(view.tenant, invoice.id),
        invoice_id=invoice.id,
        system=draft.system,
        net=invoice.net,
        tax=invoice.tax,
        total=invoice.total,
        seen=other,
        decided_on=view.today,
    )
    return Movement(
        kind="invoice_withdrawal",
        key=withdrawal.id,
        cause=f"invoice_withdrawal:{invoice.id}",
        doc=plain(withdrawal),
        amount=str(-invoice.total.amount),
        currency=invoice.currency,
        part=_part(view, invoice),
    )


def _stays_withdrawn(view: ContractView, invoice: Invoice, withdrawal: InvoiceWithdrawal) -> Iterator[Decision]:
    """Taken back for good, and held until another invoice has taken up the charges."""
    event = InvoiceWithdrawn(
        invoice_id=invoice.id,
        contract_id=invoice.contract_id,
        legal_entity=invoice.legal_entity,
        total=invoice.total,
        system=withdrawal.system,
        seen=withdrawal.seen,
    )
    yield establish(event, subject=f"invoice:{invoice.id}", cause=f"invoice.withdrawn:{invoice.id}")
    yield Ended(target=invoice_at_erp(view, invoice.id), how="cancel")
    if caps.invoice_key(invoice.id) in view.snapshot.draws:
        yield Return(key=caps.invoice_key(invoice.id))
    if _is_minted_now(view, withdrawal) and _part(view, invoice) is not None:
        yield from given_back(invoice)
    if _waits_for_another(view, invoice, withdrawal):
        yield hold(_differs(view, invoice, withdrawal), f"invoice:{invoice.id}", amount=invoice.total)
    else:
        yield from _done(view, invoice)


def _is_minted_now(view: ContractView, withdrawal: InvoiceWithdrawal) -> bool:
    return view.withdrawals[withdrawal.id].record.recorded_at is None


def _waits_for_another(view: ContractView, invoice: Invoice, withdrawal: InvoiceWithdrawal) -> bool:
    if _part(view, invoice) is None:
        return not billed_charges([invoice]) <= billed_charges(view.live_invoices)
    left = billed_charges([invoice]) & {charge.id for charge in view.unbilled}
    return _is_minted_now(view, withdrawal) or left != frozenset()


def _differs(view: ContractView, invoice: Invoice, withdrawal: InvoiceWithdrawal) -> Finding:
    ours = figures(invoice, withdrawal.seen)
    return finding(
        "INVOICE_DIFFERS",
        invoice_id=invoice.id,
        contract=view.contract.number,
        system=withdrawal.system,
        ours=_words(ours),
        theirs=_words(withdrawal.seen),
        evidence={"ours": ours, "theirs": dict(withdrawal.seen)},
    )


def _words(shown: dict[str, str]) -> str:
    return ", ".join(f"{name} {figure}" for name, figure in sorted(shown.items()))


def _prepared(invoice: Invoice, covered: str) -> Fact:
    event = InvoicePrepared(
        invoice_id=invoice.id,
        contract_id=invoice.contract_id,
        legal_entity=invoice.legal_entity,
        total=invoice.total,
        net=invoice.net,
        tax=invoice.tax,
        charges=len(billed_charges([invoice])),
        digest=covered,
    )
    return establish(event, subject=f"invoice:{invoice.id}", cause=f"invoice.prepared:{invoice.id}")


def _approved(invoice: Invoice, approval: Approval) -> Fact:
    event = InvoiceApproved(
        invoice_id=invoice.id,
        contract_id=invoice.contract_id,
        legal_entity=invoice.legal_entity,
        total=invoice.total,
        digest=approval.digest,
        approved_by=approval.principal,
        approved_at=approval.at,
    )
    return establish(event, subject=f"invoice:{invoice.id}", cause=f"invoice.approved:{invoice.id}")


def _draft_is_equal(invoice: Invoice, draft: ReplicaView) -> Fact:
    event = InvoiceDrafted(
        invoice_id=invoice.id,
        contract_id=invoice.contract_id,
        legal_entity=invoice.legal_entity,
        total=invoice.total,
        system=draft.system,
        external_id=external_id(draft.external),
    )
    return establish(event, subject=f"invoice:{invoice.id}", cause=f"invoice.drafted:{invoice.id}")

"""Where each document of a contract belongs: kind, id, role and legal entity."""

from __future__ import annotations

from tieline.domain import names
from tieline.flows.view import ContractView
from tieline.ports.decisions import Target

ERP = "erp"
NOTICES = "notices"


def client_at(view: ContractView, role: str) -> Target:
    contract = view.contract
    return _at(view, "client", names.client_document_id(view.tenant, contract.client_id, contract.legal_entity), role)


def project_at(view: ContractView, role: str) -> Target:
    return _at(view, "project", names.project_id(view.tenant, view.contract.id), role)


def element_at(view: ContractView, line_id: str, role: str) -> Target:
    return _at(view, "work_element", names.work_element_id(view.tenant, view.contract.id, line_id), role)


def rule_of(view: ContractView, line_id: str) -> Target:
    """Billing rules live in one place only: at the biller, or at the ERP when the hub bills."""
    role = view.firm.billing_role(view.contract.legal_entity)
    return _at(view, "billing_rule", names.billing_rule_id(view.tenant, view.contract.id, line_id), role)


def charge_at_erp(view: ContractView, charge_id: str) -> Target:
    return _at(view, "time_charge", charge_id, ERP)


def invoice_at_erp(view: ContractView, invoice_id: str) -> Target:
    return _at(view, "invoice", invoice_id, ERP)


def posting_at_erp(view: ContractView, invoice_id: str) -> Target:
    return _at(view, "invoice_posting", names.posting_id(view.tenant, invoice_id), ERP)


def notice_of(view: ContractView, invoice_id: str) -> Target:
    return _at(view, "invoice_notice", names.notice_id(view.tenant, invoice_id), NOTICES)


def _at(view: ContractView, kind: str, key: str, role: str) -> Target:
    return Target(kind=kind, key=key, role=role, legal_entity=view.contract.legal_entity)

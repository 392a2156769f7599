"""The documents that a signed contract becomes: client, project, work elements and billing rules."""

from __future__ import annotations

from tieline.domain import names
from tieline.domain.documents import BillingRule, Client, Project, WorkElement
from tieline.domain.rates import Term
from tieline.domain.records import ClientRecord, Contract, ContractLine


def client_of(tenant: str, contract: Contract, record: ClientRecord) -> Client:
    """The client as the contract's legal entity trades with it."""
    return Client(
        id=names.client_document_id(tenant, record.id, contract.legal_entity),
        name=record.name,
        legal_entity=contract.legal_entity,
        currency=contract.currency,
        tax_code=contract.tax_code,
        address=record.address,
        tax_registration=record.tax_registration,
    )


def project_of(tenant: str, contract: Contract) -> Project:
    return Project(
        id=names.project_id(tenant, contract.id),
        contract_id=contract.id,
        client_id=names.client_document_id(tenant, contract.client_id, contract.legal_entity),
        name=f"{contract.number} {contract.title}".strip(),
        legal_entity=contract.legal_entity,
        currency=contract.currency,
        starts_on=contract.starts_on,
        ends_on=contract.ends_on,
    )


def work_element_of(tenant: str, contract: Contract, line: ContractLine) -> WorkElement:
    return WorkElement(
        id=names.work_element_id(tenant, contract.id, line.id),
        project_id=names.project_id(tenant, contract.id),
        name=line.name,
        legal_entity=contract.legal_entity,
        service_line=line.service_line,
        planned_hours=line.planned_hours,
        starts_on=contract.starts_on,
        ends_on=contract.ends_on,
    )


def billing_rule_of(tenant: str, contract: Contract, line: ContractLine, term: Term) -> BillingRule:
    return BillingRule(
        id=names.billing_rule_id(tenant, contract.id, line.id),
        work_element_id=names.work_element_id(tenant, contract.id, line.id),
        project_id=names.project_id(tenant, contract.id),
        legal_entity=contract.legal_entity,
        strategy=line.strategy,
        unit="hour",
        rate=term.rate,
        valid_from=term.since,
    )

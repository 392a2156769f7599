"""The one id that every derived document has for ever, so that a second run finds what the first one made.

Each is at most 32 characters and doubles as the marker under which foreign systems can be searched.
"""

from __future__ import annotations

from tieline.kit.ids import stable_id


def client_document_id(tenant: str, client_id: str, legal_entity: str) -> str:
    return stable_id("cli", tenant, client_id, legal_entity)


def project_id(tenant: str, contract_id: str) -> str:
    return stable_id("prj", tenant, contract_id)


def work_element_id(tenant: str, contract_id: str, line_id: str) -> str:
    return stable_id("wbs", tenant, contract_id, line_id)


def billing_rule_id(tenant: str, contract_id: str, line_id: str) -> str:
    return stable_id("bil", tenant, contract_id, line_id)


def charge_id(tenant: str, time_entry_id: str) -> str:
    return stable_id("chg", tenant, time_entry_id)


def invoice_id(tenant: str, invoice_request_id: str) -> str:
    return stable_id("inv", tenant, invoice_request_id)


def posting_id(tenant: str, of_invoice: str) -> str:
    return stable_id("pst", tenant, of_invoice)


def withdrawal_id(tenant: str, of_invoice: str) -> str:
    return stable_id("wdr", tenant, of_invoice)


def notice_id(tenant: str, of_invoice: str) -> str:
    return stable_id("ntc", tenant, of_invoice)


def cap_pool(contract_id: str) -> str:
    """What a contract's charges draw from; its releases draw from `billed_pool` of it."""
    return f"contract_cap:{contract_id}"


def order_pool(purchase_order_id: str) -> str:
    return f"purchase_order:{purchase_order_id}"


def billed_pool(pool: str) -> str:
    """The second figure of a limit: what was released against it, beside what is committed."""
    return f"{pool}:billed"

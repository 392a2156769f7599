"""Every SuiteQL text that the connector sends. Each has a unique order; column names come back in lower case.

MAPPING.md says which table and column names were not verified against an account.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tieline.connectors.netsuite.wire import literal, quoted


def _day(column: str, name: str) -> str:
    # A bare date follows the account's date format; only TO_CHAR is the same everywhere.
    return f"TO_CHAR({column}, 'YYYY-MM-DD') AS {name}"


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one record type that bear an external id, in the order of their internal ids, which never changes."""

    id: str  # qualified columns
    external: str
    modified: str | None  # None: the type has no such column, so nothing narrows to what changed

    def of(self, ids: Sequence[str]) -> str:
        return f"{self.external} IN ({quoted(ids)}) ORDER BY {self.id}"

    def after(self, id: int, until: int | None, since: str | None) -> str:
        part = f" AND {self.id} <= {until}" if until is not None else ""
        changed = f" AND {self.modified} >= TO_DATE({literal(since)}, 'YYYY-MM-DD')" if self.modified and since else ""
        return f"{self.external} IS NOT NULL AND {self.id} > {id}{part}{changed} ORDER BY {self.id}"


CUSTOMER = Part("c.id", "c.externalid", "c.lastmodifieddate")
JOB = Part("j.id", "j.externalid", "j.lastmodifieddate")
TASK = Part("t.id", "t.externalid", "t.lastmodifieddate")
SCHEDULE = Part("s.id", "s.externalid", None)
TIME = Part("b.id", "b.externalid", "b.lastmodifieddate")
TRANSACTION = Part("t.id", "t.externalid", "t.lastmodifieddate")


def clients(which: str) -> str:
    return (
        "SELECT c.id, c.externalid, c.companyname, c.currency, c.defaulttaxreg, s.subsidiary, a.addr1, a.city, a.zip, "
        "a.country FROM customer c "
        "LEFT JOIN customersubsidiaryrelationship s ON s.entity = c.id AND s.isprimarysub = 'T' "
        "LEFT JOIN customeraddressbook b ON b.entity = c.id AND b.defaultbilling = 'T' "
        "LEFT JOIN customeraddressbookentityaddress a ON a.nkey = b.addressbookaddress "
        f"WHERE {which}"
    )


def clients_like(name: str, tax_registration: str | None, subsidiary: str) -> str:
    """Active customers of the subsidiary that could be this client already."""
    same = f"c.companyname = {literal(name)}"
    if tax_registration:
        same = f"({same} OR c.defaulttaxreg = {literal(tax_registration)})"
    return (
        "SELECT c.id, c.externalid, c.companyname, c.defaulttaxreg FROM customer c "
        f"JOIN customersubsidiaryrelationship s ON s.entity = c.id AND s.subsidiary = {literal(subsidiary)} "
        f"WHERE c.isinactive = 'F' AND {same} ORDER BY c.id"
    )


def projects(which: str) -> str:
    return (
        "SELECT j.id, j.externalid, j.companyname, j.subsidiary, j.currency, c.externalid AS clientid, "
        f"{_day('j.startdate', 'startson')}, {_day('j.projectedenddate', 'lastday')} FROM job j "
        f"LEFT JOIN customer c ON c.id = j.parent WHERE {which}"
    )


def work_elements(which: str, resource: str) -> str:
    return (
        "SELECT t.id, t.externalid, t.title, t.estimatedwork, j.externalid AS projectid, j.subsidiary, a.serviceitem, "
        f"{_day('t.startdatetime', 'startson')}, {_day('t.finishbydate', 'lastday')} FROM projecttask t "
        "LEFT JOIN job j ON j.id = t.project "
        f"LEFT JOIN projecttaskassignee a ON a.projecttask = t.id AND a.resource = {literal(resource)} "
        f"WHERE {which}"
    )


def billing_rules(which: str, resource: str) -> str:
    """The schedule bears our id, the task's assignee line bears the rate; the schedule's name says which task."""
    return (
        "SELECT s.id, s.externalid, s.name, s.billforactuals, j.externalid AS projectid, j.subsidiary, j.currency, "
        f"a.unitprice, {_day('s.seriesstartdate', 'validfrom')} FROM billingschedule s "
        "LEFT JOIN job j ON j.id = s.job LEFT JOIN projecttask t ON t.externalid = s.name "
        f"LEFT JOIN projecttaskassignee a ON a.projecttask = t.id AND a.resource = {literal(resource)} "
        f"WHERE {which}"
    )


def time_charges(which: str) -> str:
    return (
        "SELECT b.id, b.externalid, b.hours, b.rate, b.memo, b.employee, b.subsidiary, j.externalid AS projectid, "
        f"j.currency, t.externalid AS taskid, {_day('b.trandate', 'workdate')} FROM timebill b "
        "LEFT JOIN job j ON j.id = b.customer LEFT JOIN projecttask t ON t.id = b.casetaskevent "
        f"WHERE {which}"
    )


def invoices(which: str) -> str:
    """One row per line; the main line carries the gross total, tax lines the tax."""
    return (
        "SELECT t.id, t.externalid, t.tranid, t.currency, t.approvalstatus, t.foreigntotal, "
        f"{_day('t.trandate', 'invoicedate')}, c.externalid AS clientid, j.externalid AS projectid, l.id AS lineid, "
        "l.mainline, l.taxline, l.subsidiary, l.quantity, l.rate, l.foreignamount, l.memo, l.taxcode, l.taxrate1 "
        "FROM transaction t JOIN transactionline l ON l.transaction = t.id "
        "LEFT JOIN customer c ON c.id = t.entity LEFT JOIN job j ON j.id = t.job "
        f"WHERE t.type = 'CustInvc' AND {which}, l.id"
    )


def postings(which: str) -> str:
    return (
        "SELECT t.id, t.externalid, t.tranid, t.currency, t.foreigntotal, l.subsidiary, "
        f"{_day('t.trandate', 'invoicedate')}, {_day('p.startdate', 'periodstart')}, {_day('p.enddate', 'periodend')} "
        "FROM transaction t JOIN transactionline l ON l.transaction = t.id AND l.mainline = 'T' "
        "LEFT JOIN accountingperiod p ON p.id = t.postingperiod "
        f"WHERE t.type = 'CustInvc' AND t.posting = 'T' AND {which}"
    )


def period_of(day: str) -> str:
    return (
        "SELECT p.id, p.periodname, p.closed, p.arlocked, p.alllocked FROM accountingperiod p "
        f"WHERE p.startdate <= TO_DATE({literal(day)}, 'YYYY-MM-DD') "
        f"AND p.enddate >= TO_DATE({literal(day)}, 'YYYY-MM-DD') "
        "AND p.isquarter = 'F' AND p.isyear = 'F' AND p.isadjust = 'F' ORDER BY p.id"
    )


def items_of(work_element_ids: Sequence[str], resource: str) -> str:
    return (
        "SELECT t.id, t.externalid, a.serviceitem FROM projecttask t "
        f"JOIN projecttaskassignee a ON a.projecttask = t.id AND a.resource = {literal(resource)} "
        f"WHERE t.externalid IN ({quoted(work_element_ids)}) ORDER BY t.id"
    )


def ledger(invoice_id: str) -> str:
    """Accounting lines are in the base currency of the invoice's subsidiary."""
    return (
        "SELECT g.transactionline, a.acctnumber, g.debit, g.credit, s.currency FROM transactionaccountingline g "
        "JOIN account a ON a.id = g.account "
        "JOIN transactionline l ON l.transaction = g.transaction AND l.mainline = 'T' "
        "JOIN subsidiary s ON s.id = l.subsidiary "
        f"WHERE g.posting = 'T' AND g.transaction = {literal(invoice_id)} ORDER BY g.transactionline"
    )

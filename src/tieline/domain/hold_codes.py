"""The catalogue of hold codes of the rules: contracts, amendments, time and invoices. A code is for ever.

Pages, alerts and runbooks are named after it. Codes that systems and the engine report are in `system_hold_codes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Owner = Literal["pmo", "finance", "legal", "sales", "delivery", "integration"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldCode:
    """`sentence` and `way_out` are templates over the finding's values. `rule` is the number in the rule book, if any."""

    code: str
    owner: Owner
    title: str
    sentence: str
    way_out: str
    rule: str | None = None

    @property
    def runbook(self) -> str:
        return f"docs/runbooks/{self.code}.md"


def hold_code(code: str, owner: Owner, title: str, sentence: str, way_out: str, rule: str | None = None) -> HoldCode:
    return HoldCode(code=code, owner=owner, title=title, sentence=sentence, way_out=way_out, rule=rule)


CONTRACT_CODES = (
    hold_code(
        "CONTRACT_NOT_SIGNED",
        "legal",
        "Contract is not signed",
        "Contract {number} is {state}, not signed, so nothing is created from it.",
        "Complete the signature in the CLM; the contract continues by itself when the signed version arrives.",
    ),
    hold_code(
        "CONTRACT_DATES_INVALID",
        "legal",
        "Contract ends before it starts",
        "Contract {number} starts on {starts_on} and ends on {ends_on}: the end must be after the start.",
        "Correct the dates in the CLM record of the contract.",
    ),
    hold_code(
        "LINES_INVALID",
        "legal",
        "A contract line cannot be billed",
        "Contract {number}, {line}: {reason}.",
        "Correct the line in the CLM record of the contract.",
    ),
    hold_code(
        "CLIENT_UNKNOWN",
        "sales",
        "Client is not known",
        "Contract {number} names client {client_id}, of whom no record has arrived.",
        "Complete the counterparty in the CLM and link it to the contract; no customer is created from a name alone.",
    ),
    hold_code(
        "CLIENT_INCOMPLETE",
        "sales",
        "Client record is incomplete",
        "Client {client_id} of contract {number} lacks {missing}, without which no invoice may be written.",
        "Complete the client's {missing} in the CLM.",
    ),
    hold_code(
        "CLIENT_TERMS_DIFFER",
        "finance",
        "Client already trades under other terms",
        "Client {client_id} is set up in {system} for {legal_entity} with {field} {existing}, "
        "contract {number} says {wanted}.",
        "Correct {field} on the contract in the CLM, or agree one {field} for all contracts of this client.",
    ),
    hold_code(
        "CLIENT_CHANGED",
        "sales",
        "Contract now names another client",
        "Contract {number} is set up for {existing} in {system}, and its CLM record now names {wanted}.",
        "Restore the name in the CLM if it was mistyped; if the client was renamed, rename the customer in {system} "
        "and keep the CLM's counterparty, or sign a new contract with the new client.",
    ),
    hold_code(
        "LEGAL_ENTITY_UNKNOWN",
        "finance",
        "Legal entity is not configured",
        "Contract {number} is signed by legal entity {legal_entity}, which is not configured; known are {known}.",
        "Correct the legal entity in the CLM, or add it under legal_entities in tieline.yaml.",
    ),
    hold_code(
        "TAX_CODE_UNKNOWN",
        "finance",
        "Tax code has no rate",
        "Tax code {tax_code} of contract {number} has no rate for legal entity {legal_entity}; known are {known}.",
        "Correct the tax code in the CLM, or add its rate under legal_entities.{legal_entity}.taxes in tieline.yaml.",
    ),
    hold_code(
        "SERVICE_LINE_UNKNOWN",
        "pmo",
        "Service line is not configured",
        "Line {line} of contract {number} names service line {service_line}, which is not configured; known are {known}.",
        "Correct the service line in the CLM, or add it under service_lines in tieline.yaml.",
    ),
    hold_code(
        "CURRENCY_MISMATCH",
        "finance",
        "Currencies do not match",
        "Contract {number} is in {currency}, but {where} is in {other}.",
        "Use one currency throughout the contract, that of its legal entity, and correct it in the CLM.",
    ),
    hold_code(
        "AMOUNT_MISMATCH",
        "legal",
        "Contract total does not add up",
        "Contract {number} states a total of {stated}, but its lines add up to {computed}, a difference of {difference}.",
        "Compare hours, rates and total with the signed paper and correct the wrong one in the CLM.",
    ),
    hold_code(
        "APPROVAL_MISSING",
        "sales",
        "Approval is missing",
        "Contract {number} is signed, but the firm's rules also ask for an approval from the CRM, and none has arrived.",
        "Approve the won opportunity in the CRM, which sends the approval for contract {contract_id}.",
    ),
    hold_code(
        "NO_SYSTEM",
        "integration",
        "No system for a role",
        "No system plays the role {role} for legal entity {legal_entity}, so contract {number} cannot be set up.",
        "Name a system under roles.{role} in tieline.yaml for {legal_entity} or for all ('*'), then restart.",
    ),
    hold_code(
        "RECORD_UNREADABLE",
        "integration",
        "A record cannot be read",
        "The record {record} does not have the shape of its kind: {reason}.",
        "Correct the record in its source system or the mapping of the connector that delivered it, then deliver it again.",
    ),
)

AMENDMENT_CODES = (
    hold_code(
        "AMENDMENT_UNSIGNED",
        "legal",
        "Amendment is not signed",
        "Amendment {number} of contract {contract} is not signed, so it changes no rate.",
        "Complete the signature in the CLM, or delete the draft there.",
    ),
    hold_code(
        "AMENDMENT_INVALID",
        "legal",
        "Amendment cannot be applied",
        "Amendment {number} of contract {contract} cannot be applied: {reason}.",
        "Correct the amendment in the CLM.",
    ),
    hold_code(
        "AMENDMENT_CONFLICT",
        "legal",
        "Two amendments contradict each other",
        "Amendments {number} and {other} of contract {contract} contradict each other: {reason}.",
        "Decide in the CLM which one counts: withdraw the other, or sign one more amendment that states the rate.",
    ),
    hold_code(
        "AMENDMENT_DISPLACES",
        "legal",
        "A retroactive amendment overrules a later rate",
        "Amendment {number} of contract {contract} reaches back to {effective_from} without an end and so also replaces the "
        "rate that amendment {other} agreed from {other_from}.",
        "Give amendment {number} an end in the CLM, or sign one more amendment there that states the rate from {other_from}.",
    ),
    hold_code(
        "AWAITING_APPLY",
        "pmo",
        "A change of rate waits for apply",
        "Amendment {number} changes the rate of {line} from {before} to {after} in {system} and waits for a person's apply.",
        "Read the change with `tieline plan {contract_id}`; it prints the command that applies exactly that plan.",
    ),
    hold_code(
        "AMENDMENT_GAP",
        "legal",
        "An amendment is missing",
        "Amendment {number} of contract {contract} waits, because amendment {missing} has not arrived.",
        "Find amendment {missing} in the CLM and release it, or renumber amendment {number} if there is none.",
    ),
)

TIME_CODES = (
    hold_code(
        "PROJECT_NOT_ACTIVE",
        "pmo",
        "Work after the end of the contract",
        "the work of {work_date} is on or after {ends_on}, when contract {contract} ends",
        "Extend the contract by an amendment, or correct the work date in the PSA.",
        "T03",
    ),
    hold_code(
        "WBS_CLOSED",
        "pmo",
        "No open work element",
        "contract {contract} has no open work element for line {line_id}",
        "Book the hours on a line of the contract in the PSA.",
        "T04",
    ),
    hold_code(
        "CONTRACT_NOT_EFFECTIVE",
        "pmo",
        "Work before the contract starts",
        "the work of {work_date} is before {starts_on}, when contract {contract} starts",
        "Correct the work date in the PSA, or agree an earlier start in the contract.",
        "T05",
    ),
    hold_code(
        "PRE_CONTRACT_WORK",
        "pmo",
        "Work before the signature",
        "contract {contract} is not signed, so this work cannot be charged yet",
        "Complete the signature in the CLM; the hours are charged by themselves afterwards.",
        "T05",
    ),
    hold_code(
        "RATE_MISSING",
        "legal",
        "No rate for the work",
        "line {line} of contract {contract} has no agreed rate on {work_date}, and work is never charged at zero",
        "State a rate above zero for the line in the CLM (contract or amendment) that covers the day.",
        "T09",
    ),
    hold_code(
        "RATE_CURRENCY",
        "legal",
        "Rate in another currency",
        "the rate of line {line} on {work_date} is in {other}, contract {contract} is in {currency}",
        "Correct the currency of the amendment in the CLM.",
    ),
    hold_code(
        "RATE_IN_DISPUTE",
        "legal",
        "Rate waits for an amendment",
        "the rate of line {line} on {work_date} waits for amendment {number} of contract {contract} ({reason})",
        "Resolve the hold of amendment {number}; the hours are charged by themselves afterwards.",
        "T09",
    ),
    hold_code(
        "HOURS_RANGE",
        "delivery",
        "Hours of a day are out of range",
        "{hours} hours make {day_total} for {work_date}; an entry must be above 0 and a day at most 24",
        "Correct the hours in the PSA.",
        "T11",
    ),
    hold_code(
        "DUPLICATE",
        "delivery",
        "Time entry looks like a second copy",
        "entry {other} already has the same person, day, line, hours and narrative",
        "Reject one of the two in the PSA, or give it a narrative of its own.",
        "T12",
    ),
    hold_code(
        "FUTURE_DATE",
        "delivery",
        "Work in the future",
        "the work date {work_date} is after today, {today}",
        "Correct the work date in the PSA, or wait for the day.",
        "T14",
    ),
    hold_code(
        "APPROVER_INVALID",
        "delivery",
        "Approver may not approve",
        "{reason}",
        "Have another person approve the entry in the PSA.",
        "T28",
    ),
    hold_code(
        "NTE_EXCEEDED",
        "pmo",
        "The contract's cap is reached",
        "{what} of {asked} would exceed the cap of contract {contract}: of {total} there is {headroom} left",
        "Sign an amendment in the CLM that raises the cap of contract {contract}; what waits goes on by itself, in order of "
        "work date.",
        "T18",
    ),
    hold_code(
        "PO_MISSING",
        "sales",
        "Purchase order is not known",
        "contract {contract} is to be billed on purchase order {purchase_order}, and {reason}",
        "Have the client's order recorded in the CRM or PSA, which hands it in; or correct the order on contract {contract} "
        "in the CLM.",
        "T21",
    ),
    hold_code(
        "PO_EXPIRED",
        "sales",
        "Purchase order has expired",
        "the work of {work_date} is on or after {expires_on}, when purchase order {purchase_order} ends, whatever is left of it",
        "Have the client extend purchase order {purchase_order}, or agree another one for contract {contract}.",
        "T22",
    ),
    hold_code(
        "PO_INSUFFICIENT",
        "sales",
        "Purchase order is used up",
        "{what} of {asked} does not fit into purchase order {purchase_order}: of {total} there is {headroom} left",
        "Have the client raise purchase order {purchase_order}; what waits goes on by itself, in order of work date.",
        "T22",
    ),
    hold_code(
        "CAP_BELOW_BILLED",
        "finance",
        "A limit was lowered below what is used",
        "{limit} is now {total}, but {used} is {stage} already; nothing is taken back.",
        "Raise the limit again at its source, or correct the difference with a credit memo in the ERP.",
    ),
    hold_code(
        "RETRO_DELTA",
        "finance",
        "Charged before a retroactive amendment",
        "Amendment {number} of contract {contract} reaches back over {count} charges made at the old rate: {delta} more "
        "than charged would be due.",
        "Bill or credit the difference by hand in the ERP, or end the amendment's range at the charged days in the CLM.",
    ),
    hold_code(
        "ALREADY_CHARGED",
        "finance",
        "Charged time was changed",
        "the entry was charged with {charged} and now says {now}; a charge is never edited",
        "Restore the entry in the PSA, or correct the client's bill with a credit memo in the ERP.",
        "T30",
    ),
)

INVOICE_CODES = (
    hold_code(
        "NOTHING_TO_BILL",
        "finance",
        "Nothing to bill",
        "Contract {contract} has no unbilled charge up to {through}, so there is no invoice to prepare.",
        "Have the hours approved in the PSA, or ask for an invoice up to a later day.",
    ),
    hold_code(
        "BILLING_BLOCKED",
        "pmo",
        "Blocked hours stop the invoice",
        "The invoice of contract {contract} up to {through} waits for {count} blocked time entries: {entries}.",
        "Resolve the holds of these entries, or ask for an invoice up to an earlier day.",
    ),
    hold_code(
        "AWAITING_RELEASE",
        "finance",
        "Invoice waits for its release",
        "Invoice {invoice_id} of contract {contract} over {total} is prepared and waits for its release by finance.",
        "Read the document and release exactly it: `tieline release {invoice_id}`.",
    ),
    hold_code(
        "INVOICE_DIFFERS",
        "finance",
        "Draft in the ERP differs from the invoice",
        "Invoice {invoice_id} of contract {contract} is {ours}, but {system} shows {theirs}: "
        "the draft is withdrawn, unposted.",
        "Correct tax or rounding in {system} or tieline.yaml, then ask for a new invoice of contract {contract}; "
        "it takes up the same charges.",
    ),
)

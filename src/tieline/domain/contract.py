"""What must be true of a contract before anything is created from it. All faults are reported at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from tieline.domain.firm import Firm
from tieline.domain.holds import Finding, finding
from tieline.domain.records import ClientRecord, Contract
from tieline.kit.money import Money, total


def check_contract(
    contract: Contract, client: ClientRecord | None, firm: Firm, *, approved: bool
) -> tuple[Finding, ...]:
    """Every reason why `contract` may not be set up. `approved`: another system's approval has arrived."""
    return (
        *_signature(contract, firm, approved),
        *_dates(contract),
        *_client(contract, client),
        *_configuration(contract, firm),
        *_lines(contract),
        *_currencies(contract, firm),
        *_amounts(contract),
    )


def is_signed(contract: Contract) -> bool:
    """A terminated contract was signed once: what was worked under it is still billed."""
    return contract.state in ("signed", "terminated") and contract.signed_at is not None


def line_name(contract: Contract, line_id: str) -> str:
    """What people call a line; its id where the contract does not have it."""
    return next((line.name for line in contract.lines if line.id == line_id), line_id)


def lines_total(contract: Contract) -> Money:
    """Sum of hours times rate, each line rounded first."""
    return total((line.rate.times(line.planned_hours).rounded() for line in contract.lines), contract.currency)


def missing_in(client: ClientRecord) -> list[str]:
    """The words a person uses for what a client record lacks to be invoiced."""
    address = client.address
    wanted = {
        "name": client.name.strip(),
        "street": address.street.strip(),
        "city": address.city.strip(),
        "country": len(address.country) == 2 and address.country.isalpha() and address.country.isupper(),
    }
    return [name for name, there in wanted.items() if not there]


def _signature(contract: Contract, firm: Firm, approved: bool) -> Iterator[Finding]:
    if not is_signed(contract):
        state = "marked signed without a date" if contract.state in ("signed", "terminated") else contract.state
        yield finding("CONTRACT_NOT_SIGNED", number=contract.number, state=state.replace("_", " "))
    if firm.activation_approval == "crm" and not approved:
        yield finding("APPROVAL_MISSING", number=contract.number, contract_id=contract.id)


def _dates(contract: Contract) -> Iterator[Finding]:
    if contract.ends_on is not None and contract.ends_on <= contract.starts_on:
        yield finding(
            "CONTRACT_DATES_INVALID", number=contract.number, starts_on=contract.starts_on, ends_on=contract.ends_on
        )


def _client(contract: Contract, client: ClientRecord | None) -> Iterator[Finding]:
    if client is None:
        yield finding("CLIENT_UNKNOWN", number=contract.number, client_id=contract.client_id)
    elif missing := missing_in(client):
        yield finding(
            "CLIENT_INCOMPLETE", number=contract.number, client_id=contract.client_id, missing=" and ".join(missing)
        )


def _configuration(contract: Contract, firm: Firm) -> Iterator[Finding]:
    entity = contract.legal_entity
    if entity not in firm.legal_entities:
        yield finding(
            "LEGAL_ENTITY_UNKNOWN", number=contract.number, legal_entity=entity, known=_known(firm.legal_entities)
        )
    elif firm.tax_rate(entity, contract.tax_code) is None:
        taxes = firm.legal_entities[entity].taxes
        yield finding(
            "TAX_CODE_UNKNOWN",
            number=contract.number,
            tax_code=contract.tax_code,
            legal_entity=entity,
            known=_known(taxes),
        )
    if entity in firm.legal_entities:
        for role in dict.fromkeys(("erp", *firm.homes_of(entity))):
            if firm.system_for(role, entity) is None:
                yield finding("NO_SYSTEM", number=contract.number, role=role, legal_entity=entity)
    for line in contract.lines:
        if line.service_line not in firm.service_lines:
            yield finding(
                "SERVICE_LINE_UNKNOWN",
                number=contract.number,
                line=line.name,
                service_line=line.service_line,
                known=_known(firm.service_lines),
            )


def _lines(contract: Contract) -> Iterator[Finding]:
    if not contract.lines:
        yield finding("LINES_INVALID", number=contract.number, line="all lines", reason="it has no line to work on")
    seen: set[str] = set()
    for line in contract.lines:
        reasons = []
        if line.id in seen:
            reasons.append("another line has the same id")
        if line.rate.amount < 0:  # zero is "not agreed yet": the line waits for its rate, the others go on
            reasons.append(f"its rate is {line.rate}, below zero")
        if line.planned_hours < 0:
            reasons.append(f"its planned hours are {line.planned_hours}, below zero")
        if reasons:
            yield finding(
                "LINES_INVALID", number=contract.number, line=f"line {line.name}", reason=" and ".join(reasons)
            )
        seen.add(line.id)


def _currencies(contract: Contract, firm: Firm) -> Iterator[Finding]:
    places = [(f"the rate of line {line.name}", line.rate.currency) for line in contract.lines]
    if contract.total is not None:
        places.append(("its total", contract.total.currency))
    if contract.cap is not None:
        places.append(("its cap", contract.cap.currency))
    if entity := firm.legal_entities.get(contract.legal_entity):
        places.append((f"legal entity {entity.code}", entity.currency))
    for where, other in places:
        if other != contract.currency:
            yield finding(
                "CURRENCY_MISMATCH", number=contract.number, currency=contract.currency, where=where, other=other
            )


def _amounts(contract: Contract) -> Iterator[Finding]:
    currencies = {line.rate.currency for line in contract.lines} | {contract.currency}
    if contract.total is None or len(currencies | {contract.total.currency}) > 1:
        return
    computed = lines_total(contract)
    if computed.amount != contract.total.amount:
        difference = contract.total - computed
        yield finding(
            "AMOUNT_MISMATCH",
            number=contract.number,
            stated=contract.total,
            computed=computed,
            difference=difference,
            amount=contract.total,
            evidence={"stated": str(contract.total.amount), "computed": str(computed.amount)},
        )


def _known(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "none"

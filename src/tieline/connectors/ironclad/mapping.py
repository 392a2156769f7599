"""From one Ironclad record to canonical records. Pure; MAPPING.md explains each field."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC
from typing import Literal

from tieline import sdk
from tieline.connectors.ironclad.reading import Reader, refuse

LINES_MAX = 9
State = Literal["draft", "signed", "terminated"]
_STATES: dict[str, State] = {"indeterminate": "draft", "active": "signed", "inactive": "terminated"}
_STRATEGIES = {"Time and Materials": "time_and_materials"}
_CONTRACT_FACTS = {
    "draft": "dev.tieline.contract.recorded.v1",
    "signed": "dev.tieline.contract.signed.v1",
    "terminated": "dev.tieline.contract.terminated.v1",
}
_AMENDMENT_FACTS = {"draft": "dev.tieline.amendment.recorded.v1", "signed": "dev.tieline.amendment.signed.v1"}
_CLIENT_FACT = "dev.tieline.client.recorded.v1"

Overlay = Mapping[str, Mapping[str, str]]


def contract_id(record_id: str) -> str:
    return sdk.stable_id("con", "ironclad", record_id)


def line_id(record_id: str, number: int) -> str:
    return sdk.stable_id("lin", "ironclad", record_id, str(number))


def amendment_id(record_id: str) -> str:
    return sdk.stable_id("amd", "ironclad", record_id)


def client_id(name: str) -> str:
    """Ironclad has no counterparty record, so its name is the identity; case and spacing do not make another client."""
    return sdk.stable_id("cli", "ironclad", " ".join(name.casefold().split()))


def version(record: Mapping[str, sdk.Json]) -> str:
    """`lastUpdated` in one fixed spelling, so that later versions sort later as text."""
    try:
        moment = sdk.instant(str(record.get("lastUpdated")))
    except ValueError:
        refuse("/lastUpdated", "lastUpdated must be an instant with time zone")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def to_contract(record: Mapping[str, sdk.Json], overlay: Overlay, source_version: str) -> Sequence[sdk.Change]:
    """The client first, then the contract that refers to it; nothing while an unsigned paper is still incomplete."""
    state = _state(record)
    try:
        client, contract = _client(record, overlay), _contract(record, overlay, state)
    except (sdk.Rejected, sdk.Blocked):
        if state == "draft":
            return ()
        raise
    return (
        sdk.Change(
            kind="client_record",
            id=client.id,
            lane=f"client:{client.id}",
            source_version=source_version,
            doc=sdk.plain(client),
            fact=_CLIENT_FACT,
        ),
        sdk.Change(
            kind="contract",
            id=contract.id,
            lane=f"contract:{contract.id}",
            source_version=source_version,
            doc=sdk.plain(contract),
            fact=_CONTRACT_FACTS[state],
            legal_entity=contract.legal_entity,
            valid_from=contract.starts_on.isoformat(),
        ),
    )


def to_amendment(record: Mapping[str, sdk.Json], overlay: Overlay, source_version: str) -> Sequence[sdk.Change]:
    state = _state(record)
    parent = record.get("parentId")
    if not isinstance(parent, str) or not parent:
        refuse("/parentId", "an amendment must be a child record of its contract (parentId is missing)")
    if state == "terminated":
        raise sdk.Blocked(
            f"Ironclad record {record.get('ironcladId') or record.get('id')}: the amendment is inactive, and an amendment"
            " that was signed is not taken back by itself; sign a further amendment that restores the rates.",
            code="AMENDMENT_WITHDRAWN",
        )
    try:
        amendment = _amendment(record, overlay, parent, state)
    except (sdk.Rejected, sdk.Blocked):
        if state == "draft":
            return ()
        raise
    return (
        sdk.Change(
            kind="amendment",
            id=amendment.id,
            lane=f"contract:{amendment.contract_id}",
            source_version=source_version,
            doc=sdk.plain(amendment),
            fact=_AMENDMENT_FACTS[state],
            valid_from=amendment.effective_from.isoformat(),
        ),
    )


def changes(
    item: sdk.SourceItem, overlay: Overlay, contract_types: Collection[str], amendment_types: Collection[str]
) -> Sequence[sdk.Change]:
    """Records of other types are not ours and say nothing."""
    record = item.body
    if not isinstance(record, dict) or not isinstance(record.get("properties"), dict):
        refuse("/properties", "it has no properties")
    if record.get("type") in contract_types:
        return to_contract(record, overlay, item.source_version)
    if record.get("type") in amendment_types:
        return to_amendment(record, overlay, item.source_version)
    return ()


def _client(record: Mapping[str, sdk.Json], overlay: Overlay) -> sdk.ClientRecord:
    # Faults of the client's properties are collected again, with all others, by `_contract`.
    read = Reader(record, overlay)
    name = read.text("counterpartyName")
    return sdk.ClientRecord(
        id=client_id(name),
        name=name,
        address=read.address("counterpartyAddress"),
        tax_registration=read.optional_text("counterpartyTaxRegistration"),
    )


def _contract(record: Mapping[str, sdk.Json], overlay: Overlay, state: State) -> sdk.Contract:
    read, record_id = Reader(record, overlay), str(record["id"])
    read.address("counterpartyAddress")
    currency = read.currency("contractCurrency")
    contract = sdk.Contract(
        id=contract_id(record_id),
        number=read.text("contractNumber"),
        title=str(record.get("name") or ""),
        client_id=client_id(read.text("counterpartyName")),
        legal_entity=read.mapped("legalEntity", "legal_entity"),
        currency=currency,
        tax_code=read.mapped("taxCode", "tax_code"),
        starts_on=read.day("effectiveDate"),
        ends_on=read.day_after("expirationDate"),
        state=state,
        signed_at=read.instant("agreementDate") if state == "signed" or read.has("agreementDate") else None,
        lines=_lines(read, record_id, currency),
        total=read.money("contractValue", currency) if read.has("contractValue") else None,
        cap=read.money("notToExceed", currency) if read.has("notToExceed") else None,
        purchase_order_id=read.optional_text("purchaseOrder"),
    )
    if contract.ends_on is not None and contract.ends_on <= contract.starts_on:
        read.fault("expirationDate", "is before effectiveDate")
    read.settle()
    return contract


def _lines(read: Reader, record_id: str, currency: str) -> tuple[sdk.ContractLine, ...]:
    strategy = read.mapped("pricingModel", "strategy", _STRATEGIES)
    if strategy not in ("", "time_and_materials"):
        read.fault(
            "pricingModel", f"is mapped to {strategy!r} in overlay.strategy; only time_and_materials can be billed"
        )
    return tuple(
        sdk.ContractLine(
            id=line_id(record_id, n),
            name=read.text(f"line{n}Name"),
            service_line=read.mapped(f"line{n}ServiceLine", "service_line"),
            strategy="time_and_materials",
            planned_hours=read.number(f"line{n}PlannedHours"),
            rate=read.money(f"line{n}HourlyRate", currency),
        )
        for n in _numbers(read, "line", ("Name", "ServiceLine", "PlannedHours", "HourlyRate"))
    )


def _amendment(record: Mapping[str, sdk.Json], overlay: Overlay, parent: str, state: State) -> sdk.Amendment:
    read = Reader(record, overlay)
    amendment = sdk.Amendment(
        id=amendment_id(str(record["id"])),
        contract_id=contract_id(parent),
        number=read.whole("amendmentNumber"),
        signed_at=read.instant("agreementDate") if state != "draft" else None,
        effective_from=read.day("effectiveDate"),
        effective_to=read.day_after("expirationDate"),
        changes=tuple(
            sdk.RateChange(
                line_id=line_id(parent, read.whole(f"change{n}LineNumber")),
                rate=read.money(f"change{n}HourlyRate", None),
            )
            for n in _numbers(read, "change", ("LineNumber", "HourlyRate"), least=0 if read.has("notToExceed") else 1)
        ),
        cap=read.money("notToExceed", None) if read.has("notToExceed") else None,
    )
    if amendment.effective_to is not None and amendment.effective_to <= amendment.effective_from:
        read.fault("expirationDate", "is before effectiveDate")
    read.settle()
    return amendment


def _numbers(read: Reader, prefix: str, parts: Sequence[str], least: int = 1) -> Sequence[int]:
    """1, 2, … up to the highest number of which any part is filled in, so that a gap is a fault and not an end."""
    used = [n for n in range(1, LINES_MAX + 1) if any(read.has(f"{prefix}{n}{part}") for part in parts)]
    return range(1, max(used, default=least) + 1)


def _state(record: Mapping[str, sdk.Json]) -> State:
    status = (record.get("contractStatus") or {}).get("status")
    if not isinstance(status, str) or status not in _STATES:
        raise sdk.Blocked(
            f"Ironclad record {record.get('ironcladId') or record.get('id')}: contractStatus.status is {status!r},"
            f" which has no counterpart here (known: {', '.join(sorted(_STATES))});"
            " correct the record in Ironclad, or ask for this status to be supported.",
            code="MAPPING_MISSING",
            faults=[sdk.Fault("/contractStatus/status", f"{status!r} has no counterpart here")],
        )
    return _STATES[status]

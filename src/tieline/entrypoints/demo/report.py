"""The one document of `tieline demo --json`: is it in step, what each system itself holds, what its ledger shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tieline.entrypoints.cli.client import Client
from tieline.entrypoints.demo.checks import Check, Findings
from tieline.entrypoints.demo.stage import Stage, clm_record


def document(
    hub: Client, stage: Stage, found: Mapping[str, Findings], contracts: Sequence[str], records: Sequence[str]
) -> dict[str, Any]:
    """`in_step` is true only if the hub says so and every witness agrees."""
    shown = [hub.get(f"/experience/v1/contracts/{contract}") for contract in contracts]
    systems = [
        source(stage, records, shown),
        system("tryton", "erp", True, found["tryton"]),
        system("netsuite", "erp", False, found["netsuite"]),
        system("mailbox", "notices", False, found["mailbox"]),
    ]
    agreed = all(check["ok"] for each in systems for check in each["checks"])
    return {
        "in_step": agreed and all(contract["status"] == "in_step" for contract in shown),
        "contracts": [{name: contract.get(name) for name in ("id", "number", "title", "status")} for contract in shown],
        "systems": systems,
        "ledger": [move for each in found.values() for move in each.ledger],
        "events": events(hub, contracts),
    }


def system(name: str, role: str, real: bool, found: Findings) -> dict[str, Any]:
    return {
        "name": name,
        "role": role,
        "real": real,
        "external_ids": found.external_ids,
        "checks": [check.document() for check in found.checks],
    }


def source(stage: Stage, records: Sequence[str], contracts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The CLM's own words on every record, and that the hub shows a contract as signed exactly where the CLM does."""
    there = [clm_record(stage.clm, record) for record in records]
    executed = sum(record["contractStatus"]["status"] == "active" for record in there)
    shown = sum(contract["record"]["state"] == "signed" for contract in contracts)
    checks = [
        Check(what="records executed in the CLM", expected=str(len(records)), seen=str(executed)),
        Check(what="contracts that the hub knows as signed", expected=str(len(contracts)), seen=str(shown)),
    ]
    ids = {f"record {n}": str(record["ironcladId"]) for n, record in enumerate(there, start=1)}
    return system("ironclad", "clm", False, Findings(checks=checks, external_ids=ids, ledger=[]))


def events(hub: Client, contracts: Sequence[str]) -> list[dict[str, Any]]:
    """The business events of the story's contracts, in each contract's own order."""
    kept = ("id", "type", "subject", "time", "correlationid", "causationid")
    return [
        {name: event.get(name) for name in kept}
        for contract in contracts
        for event in hub.rows("/events/v1", contract_id=contract)
    ]

"""/system/v1: any connected system, asked in the same words. Answers come live from the system itself."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from tieline.api import words
from tieline.api.auth import Caller, require
from tieline.api.context import answer, known_query, reading, setup_of
from tieline.api.shapes import Identifier
from tieline.api.source import NAME as OURSELVES
from tieline.engine.budgets.budgets import allowance_of
from tieline.engine.rows import Row
from tieline.engine.views import budgets, lookups
from tieline.engine.views.systems import systems
from tieline.kit.canonical import plain
from tieline.kit.errors import NotFound
from tieline.ports.systems import Envelope, ExternalRef, System
from tieline.sdk.capabilities import ReadsLedger

router = APIRouter(prefix="/system/v1", tags=["system"], dependencies=[Depends(known_query)])
Reader = Annotated[Caller, Depends(require("system:read"))]


@router.get("/systems", operation_id="system_list")
async def system_list(request: Request, caller: Reader) -> Response:
    """Every connected system: its roles, how much of it is in step, whether it is down, and how much it bears."""
    setup = setup_of(request, caller)
    drawn = {name: allowance_of(setup, name) for name in setup.systems}
    async with reading(request, caller) as rows:
        counts = await systems(rows)
        used = await budgets.budgets(rows, (each.budget for each in drawn.values()))
    found = sorted({*setup.systems, *setup.sources} - {OURSELVES})
    lines = [_line(setup, name, counts.get(name, {})) for name in found]
    for each in lines:
        allowance = drawn.get(each["name"])
        each["budget"] = allowance and budgets.line(allowance.budget, allowance.limits, used.get(allowance.budget))
    return answer({"systems": lines})


@router.get("/systems/{name}/ledger/{invoice_id}", operation_id="system_ledger")
async def system_ledger(request: Request, caller: Reader, name: Identifier, invoice_id: Identifier) -> Response:
    """The posted move of one invoice as the system's own ledger shows it; no lines while it is not posted."""
    source = getattr(_system(request, caller, name), "source", None)
    row = await _replica(request, caller, name, "invoice", invoice_id)
    if not isinstance(source, ReadsLedger):
        raise NotFound(f"System {name} has no ledger.")
    where = _reference(row)
    lines = await source.ledger_of(where, row["legal_entity"]) if where else ()
    return answer({"system": name, "invoice_id": invoice_id, "external": row["external"], "lines": plain(list(lines))})


@router.get("/systems/{name}/{kind}/{key}", operation_id="system_read")
async def system_read(
    request: Request, caller: Reader, name: Identifier, kind: Identifier, key: Identifier
) -> Response:
    """One document as we want it and as the system holds it at this moment."""
    system, row = _system(request, caller, name), await _replica(request, caller, name, kind, key)
    seen = (await system.read([await _envelope(request, caller, row)]))[0]
    observed = None if seen is None else seen.doc
    document = {
        "system": name,
        "kind": kind,
        "key": key,
        "status": row["status"],
        "external": row["external"],
        "wanted": row["doc"],
        "observed": observed,
        "found": seen is not None,
        "differences": words.differences(row["doc"], observed),
    }
    return answer(document)


def _line(setup: Any, name: str, counts: Row) -> dict[str, Any]:
    roles = getattr(setup.firm, "roles", {})
    system = setup.systems.get(name)
    return {
        "name": name,
        "connector": getattr(system, "connector", None),
        "roles": sorted(role for role, by_entity in roles.items() if name in by_entity.values()),
        "legal_entities": sorted({e for places in roles.values() for e, system in places.items() if system == name}),
        "listens": name in setup.sources,
        "in_step": counts.get("in_step", 0),
        "not_in_step": counts.get("not_in_step", 0),
        "last_webhook_at": counts.get("last_webhook_at"),
        "circuit": counts.get("circuit") or "closed",
        "circuit_since": counts.get("circuit_since"),
        "circuit_reason": counts.get("circuit_reason"),
    }


def _system(request: Request, caller: Caller, name: str) -> System:
    system = setup_of(request, caller).systems.get(name)
    if system is None:
        raise NotFound(f"There is no system {name} here.")
    return system


async def _replica(request: Request, caller: Caller, name: str, kind: str, key: str) -> Row:
    async with reading(request, caller) as rows:
        row = await lookups.replica(rows, f"{name}/{kind}/{key}")
    if row is None:
        raise NotFound(f"System {name} holds no {kind} {key} of ours.")
    return row


async def _envelope(request: Request, caller: Caller, row: Row) -> Envelope:
    async with reading(request, caller) as rows:
        linked = await lookups.replicas_of(rows, list(row["after"]))
    places = {f"{each['kind']}/{each['key']}": _reference(each) for each in linked}
    return Envelope(
        kind=row["kind"],
        document_key=row["key"],
        doc=row["doc"],
        revision=row["revision"],
        key="",
        marker=row["key"],
        ref=_reference(row),
        links={name: place for name, place in places.items() if place is not None},
        legal_entity=row["legal_entity"],
    )


def _reference(row: Row) -> ExternalRef | None:
    external = row["external"]
    if not external:
        return None
    return ExternalRef(id=external["id"], version=external.get("version"), extra=external.get("extra") or {})

"""/system/v1/census: whole populations compared, what was found, and the repair as a plan that may be read before it is ordered."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from tieline.api.auth import Caller, require
from tieline.api.context import answer, correlation, known_query, reading, setup_of
from tieline.api.idempotency import Key, Outcome, once
from tieline.engine.rows import Cursor, Row
from tieline.kit.canonical import plain
from tieline.kit.errors import Conflict, Fault, NotFound, Rejected
from tieline.reconciliation import views
from tieline.reconciliation.cadence import populations
from tieline.reconciliation.repairing import repair, repair_plan
from tieline.reconciliation.runs import begin

router = APIRouter(prefix="/system/v1/census", tags=["census"], dependencies=[Depends(known_query)])
Reader = Annotated[Caller, Depends(require("system:read"))]
Applier = Annotated[Caller, Depends(require("plan:apply"))]


class CensusAsked(BaseModel):
    """Which population to list, whole or what changed since."""

    model_config = ConfigDict(extra="forbid")

    system: str = Field(min_length=1, max_length=64)
    kind: str = Field(min_length=1, max_length=64)
    mode: Literal["full", "changed"] = "full"


class RepairAsked(BaseModel):
    """Without `apply` nothing is ordered."""

    model_config = ConfigDict(extra="forbid")

    apply: bool = False


@router.get("", operation_id="census_list")
async def census_list(request: Request, caller: Reader) -> Response:
    """The newest hundred runs, with how much drift each found."""
    async with reading(request, caller) as rows:
        found = await views.runs(rows)
    return answer({"census": [_run(row) for row in found]})


@router.post("", operation_id="census_run", status_code=202)
async def census_run(request: Request, caller: Applier, key: Key, asked: CensusAsked) -> Response:
    """Begin a census now; the scheduler carries it on."""
    setup = setup_of(request, caller)
    if (asked.system, asked.kind) not in set(populations(setup)):
        known = ", ".join(sorted(f"{system}/{kind}" for system, kind in populations(setup))) or "nothing"
        raise Rejected(f"No system lists that; known are {known}.", faults=[Fault("/kind", "is not listed there")])

    async def run() -> Outcome:
        async with reading(request, caller) as rows:
            run_id = await begin(rows, caller.tenant, asked.system, asked.kind, asked.mode, caller.principal)
        return Outcome(body={"run_id": str(run_id)})

    return await once(request, caller, "census_run", key, asked.model_dump(), run)


@router.get("/{run_id}", operation_id="census_get")
async def census_get(request: Request, caller: Reader, run_id: UUID) -> Response:
    """One run and what it found, a thousand lines at most."""
    async with reading(request, caller) as rows:
        found, drift = await _must(rows, run_id), await views.drift(rows, run_id)
    return answer({**_run(found), "drift": [_drift(row) for row in drift]})


@router.post("/{run_id}/repair", operation_id="census_repair", status_code=202)
async def census_repair(
    request: Request, caller: Applier, key: Key, run_id: UUID, asked: Annotated[RepairAsked | None, Body()] = None
) -> Response:
    """What would be ordered, and with `apply` ordered of the engine. A person's lines carry their reason."""
    setup, apply = setup_of(request, caller), asked is not None and asked.apply

    async def run() -> Outcome:
        async with reading(request, caller) as rows:
            found = await _must(rows, run_id)
            items = (
                await repair(rows, setup, found, caller.principal, correlation(request))
                if apply
                else await repair_plan(rows, setup, found)
            )
        return Outcome(body={"run_id": str(run_id), "applied": apply, "items": plain(items)})

    return await once(request, caller, "census_repair", key, [str(run_id), apply], run)


@router.post("/{run_id}/allow", operation_id="census_allow", status_code=202)
async def census_allow(request: Request, caller: Applier, key: Key, run_id: UUID) -> Response:
    """Let a census go on that stopped because so much is gone."""

    async def run() -> Outcome:
        async with reading(request, caller) as rows:
            await _must(rows, run_id)
            if not await views.allow(rows, caller.tenant, run_id, caller.principal):
                raise Conflict("This census does not wait for a permission: look again.")
        return Outcome(body={"run_id": str(run_id)})

    return await once(request, caller, "census_allow", key, [str(run_id)], run)


async def _must(rows: Cursor, run_id: UUID) -> Row:
    found = await views.run(rows, run_id)
    if found is None:
        raise NotFound(f"There is no census {run_id} here.")
    return found


_SHOWN = (
    "run_id", "system", "kind", "mode", "state", "asked_by", "started_at", "finished_at", "listed", "compared", "moving",
    "confirmed", "found", "unchecked", "problem",
)  # fmt: skip


def _run(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in _SHOWN}


def _drift(row: Row) -> dict[str, Any]:
    names = ("replica_id", "class", "state", "fields", "external", "lane", "repaired_by")
    return {name: row[name] for name in names}

"""/experience/v1: how is my contract? In step or blocked, why, who acts next, how much money hangs on it."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from tieline.api import words
from tieline.api.auth import Caller, require
from tieline.api.context import answer, known_query, reading, services_of
from tieline.api.paging import CursorText, Limit, next_link, seal, unseal
from tieline.api.shapes import Identifier
from tieline.engine.rows import Cursor
from tieline.engine.views import hold_list as holds
from tieline.engine.views import lookups
from tieline.engine.views.lane_list import lane_list
from tieline.engine.views.lane_status import LaneStatus, lane_status
from tieline.engine.views.lane_timeline import lane_timeline
from tieline.engine.views.lane_trace import lane_trace
from tieline.kit.errors import NotFound

router = APIRouter(prefix="/experience/v1", tags=["experience"], dependencies=[Depends(known_query)])
Reader = Annotated[Caller, Depends(require("contract:read"))]


@router.get("/contracts", operation_id="contract_list")
async def contract_list(request: Request, caller: Reader, limit: Limit = 50, cursor: CursorText = None) -> Response:
    """All contracts of the firm, one line each."""
    key = services_of(request).cursor_key
    after = unseal(key, caller.tenant, "contracts", cursor)
    async with reading(request, caller) as rows:
        found = await lane_list(rows, prefix=words.LANES, root_kind=words.CONTRACT, after=after, limit=limit + 1)
        clients = await lookups.documents(rows, words.CLIENT_RECORD, [row["root"].get("client_id") for row in found])
    shown = found[:limit]
    lines = [words.line_of(row, row["root"], clients.get(row["root"].get("client_id"))) for row in shown]
    further = seal(key, caller.tenant, "contracts", shown[-1]["lane"]) if len(found) > limit else None
    return answer({"contracts": lines, "next_cursor": further}, headers=next_link(request, further))


@router.get("/holds", operation_id="hold_list")
async def hold_list(request: Request, caller: Reader, limit: Limit = 50, cursor: CursorText = None) -> Response:
    """Every open hold, also of messages that could not become a contract; `contract_id` is null for those."""
    key = services_of(request).cursor_key
    after = unseal(key, caller.tenant, "holds", cursor)
    async with reading(request, caller) as rows:
        found = await holds.hold_list(rows, after=UUID(after) if after else None, limit=limit + 1)
    shown = found[:limit]
    further = seal(key, caller.tenant, "holds", str(shown[-1]["hold_id"])) if len(found) > limit else None
    document = {"holds": [words.open_hold_of(row) for row in shown], "next_cursor": further}
    return answer(document, headers=next_link(request, further))


@router.get("/contracts/{contract_id}", operation_id="contract_get")
async def contract_get(request: Request, caller: Reader, contract_id: Identifier) -> Response:
    """One contract: its line, what every system holds of it, holds with their way out, open plans, invoices."""
    async with reading(request, caller) as rows:
        return answer(await contract_document(rows, contract_id))


@router.get("/contracts/{contract_id}/timeline", operation_id="contract_timeline")
async def contract_timeline(request: Request, caller: Reader, contract_id: Identifier) -> Response:
    """What happened, oldest first."""
    async with reading(request, caller) as rows:
        await _must_exist(rows, contract_id)
        entries = await lane_timeline(rows, words.lane_of(contract_id))
    return answer({"contract_id": contract_id, "events": [words.entry_of(entry) for entry in entries]})


@router.get("/contracts/{contract_id}/trace", operation_id="contract_trace")
async def contract_trace(request: Request, caller: Reader, contract_id: Identifier) -> Response:
    """What caused what, across all systems."""
    async with reading(request, caller) as rows:
        await _must_exist(rows, contract_id)
        roots = await lane_trace(rows, words.lane_of(contract_id))
    return answer({"contract_id": contract_id, "nodes": [words.node_of(root) for root in roots]})


async def contract_document(rows: Cursor, contract_id: str) -> dict[str, Any]:
    """Raises NotFound. The client's own replicas and holds belong to the picture of its contracts."""
    root = await _must_exist(rows, contract_id)  # first: what is recorded between the two questions has a lane as well
    found = await lane_status(rows, words.lane_of(contract_id))
    assert found is not None, "a contract's record has a lane"
    contract = root["doc"]
    client_lane = await lane_status(rows, f"client:{contract.get('client_id')}")
    client = await lookups.record(rows, words.CLIENT_RECORD, str(contract.get("client_id")))
    replicas = [*_of_entity(client_lane, contract.get("legal_entity")), *found.replicas]
    holds = [*found.holds, *(client_lane.holds if client_lane and found.standing["hindered"] else ())]
    return {
        **words.line_of(found.standing, contract, (client or {}).get("doc")),
        "source_system": root["source_system"],
        "record": contract,
        "amendments": [row["doc"] for row in found.records if row["kind"] == "amendment"],
        "replicas": [words.replica_of(row) for row in replicas],
        "holds": [words.hold_of(row) for row in holds],
        "plans": [words.plan_of({**row, "lane": words.lane_of(contract_id)}) for row in found.plans],
        "invoices": words.invoices_of(found.records, found.replicas, found.holds),
    }


def _of_entity(client_lane: LaneStatus | None, legal_entity: str | None) -> list[dict[str, Any]]:
    return [row for row in client_lane.replicas if row["legal_entity"] == legal_entity] if client_lane else []


async def _must_exist(rows: Cursor, contract_id: str) -> dict[str, Any]:
    root = await lookups.record(rows, words.CONTRACT, contract_id)
    if root is None:
        raise NotFound(f"There is no contract {contract_id} here.")
    return root

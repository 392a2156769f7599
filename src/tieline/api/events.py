"""/events/v1: business events for others to follow."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from tieline.api import words
from tieline.api.auth import Caller, require
from tieline.api.context import answer, known_query, reading, services_of
from tieline.api.paging import CursorText, Limit, next_link, seal, unseal
from tieline.engine.views.feed import feed, lane_feed

router = APIRouter(prefix="/events", tags=["events"], dependencies=[Depends(known_query)])
Reader = Annotated[Caller, Depends(require("event:read"))]
ContractId = Annotated[str | None, Query(max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")]


@router.get("/v1", operation_id="event_list")
async def event_list(
    request: Request, caller: Reader, contract_id: ContractId = None, limit: Limit = 50, cursor: CursorText = None
) -> Response:
    """Events after `cursor`. Of one contract: gapless, in order. Of all: in order of time, two seconds behind.

    `cursor` in the answer is where to go on later; `next_cursor` is there when more waits now.
    """
    key, listing = services_of(request).cursor_key, f"events/{contract_id or ''}"
    after = unseal(key, caller.tenant, listing, cursor)
    async with reading(request, caller) as rows:
        if contract_id:
            lane = words.lane_of(contract_id)
            found = await lane_feed(rows, lane, after=int(after or 0), limit=limit + 1)
        else:
            found = await feed(rows, after=_position(after), limit=limit + 1)
    shown = found[:limit]
    last = shown[-1] if shown else None
    place = after if last is None else str(last["lane_seq"]) if contract_id else _spelled(last)
    resume = seal(key, caller.tenant, listing, place) if place else None
    further = resume if len(found) > limit else None
    document = {"events": [words.event_of(row) for row in shown], "cursor": resume, "next_cursor": further}
    return answer(document, headers=next_link(request, further))


def _spelled(row: dict[str, object]) -> str:
    recorded_at = row["recorded_at"]
    assert isinstance(recorded_at, datetime), "events carry their record time"
    return f"{recorded_at.isoformat()}|{row['event_id']}"


def _position(after: str) -> tuple[datetime, UUID] | None:
    recorded_at, _, event_id = after.partition("|")
    return (datetime.fromisoformat(recorded_at), UUID(event_id)) if after else None

"""/events/v1: business events for others to follow, page by page or as a stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response, StreamingResponse

from tieline.api import words
from tieline.api.auth import Caller, require
from tieline.api.context import answer, known_query, plainly, reading, services_of
from tieline.api.paging import CursorText, Limit, next_link, seal, unseal
from tieline.engine.feed.epochs import START, CursorGone, Place
from tieline.engine.rows import Cursor, Row
from tieline.engine.views.feed import Stretch, feed, lane_feed, newest, place_of, present
from tieline.kit.errors import Fault, Throttled

router = APIRouter(prefix="/events", tags=["events"], dependencies=[Depends(known_query)])
Reader = Annotated[Caller, Depends(require("event:read"))]
ContractId = Annotated[str | None, Query(max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")]
LastEventId = Annotated[str | None, Header(max_length=600, description="The id of the last event seen.")]
LISTING = "events"
HEARTBEAT_S, LOOK_S, STREAMS_MAX, PAGE = 15.0, 0.1, 50, 100


@router.get("/v1", operation_id="event_list")
async def event_list(
    request: Request, caller: Reader, contract_id: ContractId = None, limit: Limit = 50, cursor: CursorText = None
) -> Response:
    """Events after `cursor`, gapless and in order: of one contract by its own numbers, of all by sealed positions.

    `cursor` in the answer is where to go on later; `next_cursor` is there when more waits now. A cursor that has seen
    events which a restore gave up is answered with `cursor_gone` and the cursor to go on from.
    """
    if contract_id:
        return await _of_contract(request, caller, contract_id, limit, cursor)
    after = _place(request, caller, cursor)
    async with reading(request, caller) as rows, told_where_to_go_on(request, caller):
        found = await feed(rows, after=after, limit=limit)
    resume = _cursor(request, caller, found.end) if found.end != START else None
    return _page(request, [_sealed(row) for row in found.events], resume, more=found.more)


@router.get("/v1/stream", operation_id="event_stream")
async def event_stream(
    request: Request, caller: Reader, cursor: CursorText = None, last_event_id: LastEventId = None
) -> Response:
    """Server-sent events after `Last-Event-ID`, else after `cursor`, else from now on; a comment every 15 s keeps it open.

    Each event is named by its type and carries as `id` the cursor behind it.
    """
    state = request.app.state
    open_now = getattr(state, "streams", 0)
    if open_now >= STREAMS_MAX:
        raise Throttled(f"{STREAMS_MAX} streams are open here already: read page by page, or come back later.")
    given = last_event_id or cursor
    async with reading(request, caller) as rows, told_where_to_go_on(request, caller):
        after = _place(request, caller, given) if given else await present(rows)
        first = await feed(rows, after=after, limit=PAGE)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(_told(request, caller, first), media_type="text/event-stream", headers=headers)


async def _of_contract(request: Request, caller: Caller, contract_id: str, limit: int, cursor: str | None) -> Response:
    key, listing = services_of(request).cursor_key, f"{LISTING}/{contract_id}"
    after = unseal(key, caller.tenant, listing, cursor)
    async with reading(request, caller) as rows:
        found = await lane_feed(rows, words.lane_of(contract_id), after=int(after or 0), limit=limit + 1)
    shown = found[:limit]
    place = str(shown[-1]["lane_seq"]) if shown else after
    resume = seal(key, caller.tenant, listing, place) if place else None
    return _page(request, [words.event_of(row) for row in shown], resume, more=len(found) > limit)


def _page(request: Request, events: list[words.Document], resume: str | None, *, more: bool) -> Response:
    further = resume if more else None
    return answer({"events": events, "cursor": resume, "next_cursor": further}, headers=next_link(request, further))


async def _told(request: Request, caller: Caller, first: Stretch) -> AsyncIterator[str]:
    """The stretch at hand, then whatever is sealed; ends when the reader has gone or the hub closes the request."""
    state, found, silent_s = request.app.state, first, 0.0
    state.streams = getattr(state, "streams", 0) + 1
    try:
        while not await request.is_disconnected():
            for row in found.events:
                yield _event(_cursor(request, caller, place_of(row)), _sealed(row))
            silent_s = 0.0 if found.events else silent_s + LOOK_S
            if silent_s >= HEARTBEAT_S:
                silent_s = 0.0
                yield ": still here\n\n"
            if not found.more:
                await asyncio.sleep(LOOK_S)
            async with reading(request, caller) as rows:
                found = await _news(rows, found.end)
    except CursorGone:
        yield "event: cursor_gone\ndata: {}\n\n"  # the reader reconnects and is told where to go on
    finally:
        state.streams -= 1


async def _news(rows: Cursor, end: Place) -> Stretch:
    if await newest(rows) == end.position:
        return Stretch(events=[], end=end, more=False)
    return await feed(rows, after=end, limit=PAGE)


def _sealed(row: Row) -> words.Document:
    """An event with its place among all of the firm's: `sequence` has no gaps and grows, also over epochs."""
    return {**words.event_of(row), "sequence": row["feed_position"], "epoch": row["feed_epoch"]}


def _event(cursor: str, document: words.Document) -> str:
    return f"id: {cursor}\nevent: {document['type']}\ndata: {json.dumps(plainly(document), ensure_ascii=False)}\n\n"


@asynccontextmanager
async def told_where_to_go_on(request: Request, caller: Caller) -> AsyncIterator[None]:
    """Adds the cursor to go on from to a CursorGone: only here is the key to sign it."""
    try:
        yield
    except CursorGone as gone:
        known = gone.resume.position > 0
        way_out = f"go on from {_cursor(request, caller, gone.resume)}" if known else "start again without a cursor"
        gone.faults = (Fault("/query/cursor", way_out),)
        raise


def _cursor(request: Request, caller: Caller, place: Place) -> str:
    text = f"{place.epoch}.{place.position}.{place.mark.hex()}"
    return seal(services_of(request).cursor_key, caller.tenant, LISTING, text)


def _place(request: Request, caller: Caller, cursor: str | None) -> Place:
    text = unseal(services_of(request).cursor_key, caller.tenant, LISTING, cursor)
    if not text:
        return START
    epoch, position, mark = text.split(".")
    return Place(epoch=int(epoch), position=int(position), mark=bytes.fromhex(mark))

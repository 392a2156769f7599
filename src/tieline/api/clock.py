"""/system/v1/clock: what day it is to the firm's contracts, and in a rehearsal the order to let time pass."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.responses import Response

from tieline.api.auth import Caller, require
from tieline.api.context import answer, known_query, reading, services_of, setup_of
from tieline.api.idempotency import Key, Outcome, once
from tieline.engine import clock
from tieline.engine.rows import Cursor

router = APIRouter(prefix="/system/v1/clock", tags=["clock"], dependencies=[Depends(known_query)])
Reader = Annotated[Caller, Depends(require("system:read"))]
Applier = Annotated[Caller, Depends(require("plan:apply"))]


class ClockAsked(BaseModel):
    """Where the clock is to go, never back."""

    model_config = ConfigDict(extra="forbid")

    to: AwareDatetime = Field(examples=["2027-03-31T18:00:00+02:00"])


@router.get("", operation_id="clock_get")
async def clock_get(request: Request, caller: Reader) -> Response:
    """The business instant, the day at each legal entity, and whether the clock is on its way to a target."""
    async with reading(request, caller) as rows:
        return answer(await _told(request, caller, rows))


@router.post("", operation_id="clock_set", status_code=202)
async def clock_set(request: Request, caller: Applier, key: Key, asked: ClockAsked) -> Response:
    """Let time pass until `to`: from one due instant to the next, each worked off before the next. Rehearsals only."""

    async def run() -> Outcome:
        async with reading(request, caller) as rows:
            await clock.ask_for(rows, asked.to, _present(request, caller))
            return Outcome(body=await _told(request, caller, rows))

    return await once(request, caller, "clock_set", key, asked.model_dump(mode="json"), run)


async def _told(request: Request, caller: Caller, rows: Cursor) -> dict[str, Any]:
    now, firm = _present(request, caller), setup_of(request, caller).firm
    found = await clock.standing(rows)
    return {
        "now": _text(now),
        "today": {code: firm.today(code, now).isoformat() for code in firm.legal_entities},
        "movable": found.movable,
        "target": _text(found.target) if found.target else None,
        "ahead_s": int((now - services_of(request).clock()).total_seconds()),
        "moves": found.moves,
    }


def _present(request: Request, caller: Caller) -> datetime:
    return setup_of(request, caller).clock.present(services_of(request).clock())


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")

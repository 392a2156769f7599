"""`Prefer: wait=N` (RFC 7240): the caller of an order waits for the systems' confirmation, at most N seconds.

Waiting changes nothing: the order was taken and committed before it begins, and whoever stops waiting finds the same outcome
under the operation. A repeat with the same key waits for the same outcome.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import Any
from uuid import UUID

from fastapi import Request
from starlette.responses import Response

from tieline.api.auth import Caller
from tieline.api.context import answer, reading
from tieline.engine.views.operation import operation
from tieline.kit.errors import Rejected

WAIT_MAX_S = 30
WAITERS_MAX = 64  # in one process; further callers follow the operation by themselves
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 0.5
_WAIT = re.compile(r'wait="?(\d{1,6})"?$')
_waiting: set[object] = set()


def preferred_wait(request: Request, usual_s: float = 0.0) -> float:
    """Seconds the caller will wait; `usual_s` is what configuration says of this order. Raises Rejected."""
    words = [part.strip().lower() for given in request.headers.getlist("prefer") for part in re.split("[,;]", given)]
    if "respond-async" in words and not any(word.startswith("wait") for word in words):
        return 0.0
    for word in words:
        if word.startswith("wait"):
            found = _WAIT.fullmatch(word.replace(" ", ""))
            if found is None:
                raise Rejected("The header Prefer says wait=N with N in whole seconds.", code="header_refused")
            return float(min(int(found[1]), WAIT_MAX_S))
    return usual_s


async def settled(request: Request, caller: Caller, taken: Response, usual_s: float = 0.0) -> Response:
    """`taken` (202) as it is, or the operation's end (200) where it came within the time."""
    wait_s = preferred_wait(request, usual_s)
    if wait_s <= 0 or taken.status_code != 202 or len(_waiting) >= WAITERS_MAX:
        return taken
    me = object()
    _waiting.add(me)
    try:
        found = await _end_of(request, caller, taken, time.monotonic() + wait_s)
    finally:
        _waiting.discard(me)
    if found is None:
        return taken
    kept = {name: value for name, value in taken.headers.items() if name in ("location", "idempotency-replayed")}
    ended = answer({**_body(taken), **found})
    ended.headers.update({**kept, "preference-applied": f"wait={int(wait_s)}"})
    return ended


async def _end_of(request: Request, caller: Caller, taken: Response, deadline: float) -> dict[str, Any] | None:
    """The operation once it is done, blocked or refused; None when the time is over."""
    known, pause = UUID(_body(taken)["operation_id"]), _FIRST_PAUSE_S
    while True:
        async with reading(request, caller) as rows:
            found = await operation(rows, known)
        if found is not None and found["state"] != "running":
            return dict(found)
        left = deadline - time.monotonic()
        if left <= 0 or await request.is_disconnected():
            return None
        await asyncio.sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_PAUSE_S)


def _body(taken: Response) -> dict[str, Any]:
    written: dict[str, Any] = json.loads(bytes(taken.body))
    return written

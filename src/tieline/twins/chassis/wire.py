"""The outermost layer of a twin: latency, faults and the commit, below HTTP semantics and above the socket."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from contextlib import nullcontext
from typing import Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tieline.kit.errors import TielineError
from tieline.twins.chassis.clock import Clock
from tieline.twins.chassis.dialects import Whole, failed, out_of_order, spoiled, throttled
from tieline.twins.chassis.rules import Fault, Faults
from tieline.twins.chassis.store import reading_as_of

log = logging.getLogger("tieline.twins")
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with zero seconds: closing sends RST instead of FIN
_FLUSH_S = 0.02


class Owner(Protocol):
    """What the wire needs of its twin."""

    clock: Clock
    faults: Faults
    latency_ms: float

    def commit(self) -> None: ...
    def rollback(self) -> None: ...
    def expire_tokens(self) -> None: ...


class Wire:
    """An ASGI application around the vendor's routes."""

    def __init__(self, twin: Owner, inner: ASGIApp) -> None:
        self._twin = twin
        self._inner = inner
        self._outage: tuple[float, Fault] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._twin.latency_ms > 0:
            send = _not_before(asyncio.get_running_loop().time() + self._twin.latency_ms / 1000, send)
        fault = self._meet(scope)
        if fault is None:
            await self._run(scope, receive, send)
            return
        try:
            await self._act_out(fault, scope, receive, send)
        except TielineError as error:
            await _send_whole(send, Whole(599, error.detail.encode(), [(b"content-type", b"text/plain")]))

    def end_outage(self) -> None:
        self._outage = None

    def _meet(self, scope: Scope) -> Fault | None:
        if self._outage is not None:
            if self._twin.clock.time() < self._outage[0]:
                return self._outage[1]
            self._outage = None
        query = scope["query_string"]
        path = f"{scope['path']}?{query.decode('latin-1')}" if query else scope["path"]
        fault = self._twin.faults.pick(scope["method"], path)
        if fault is not None and fault.code == "F15":
            self._outage = (self._twin.clock.time() + fault.window_s, fault)
        return fault

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request is one transaction, committed before its answer starts."""

        async def committing(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._twin.commit()
            await send(message)

        try:
            await self._inner(scope, receive, committing)
        except BaseException:
            self._twin.rollback()
            raise

    async def _captured(self, scope: Scope, receive: Receive) -> Whole:
        """Runs the request with its effect and keeps the answer back."""
        start: Message = {}
        chunks: list[bytes] = []

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                chunks.append(message.get("body", b""))

        await self._run(scope, receive, keep)
        headers = [(name, value) for name, value in start.get("headers", []) if name != b"content-length"]
        return Whole(start["status"], b"".join(chunks), headers)

    async def _act_out(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        match fault.code:
            case "F1" | "F2":
                if fault.code == "F1":
                    await self._captured(scope, receive)
                await _silence(receive, fault.hold_s)
                await _reset(scope, receive)
            case "F3":
                good = await self._captured(scope, receive) if fault.effect else await _unread(receive)
                await _cut(fault, good, scope, receive)
            case "F4":
                if fault.effect:
                    await self._captured(scope, receive)
                await _send_whole(send, failed(fault))
            case "F5":
                good = await self._captured(scope, receive) if fault.effect is not False else Whole(200, b"{}")
                await _send_whole(send, spoiled(fault, good))
            case "F7":
                await _send_whole(send, throttled(fault, self._twin.clock.now()))
            case "F15" if fault.shape == "reset":
                await _unread(receive)
                await _reset(scope, receive)
            case "F15":
                await _send_whole(send, out_of_order(fault))
            case _:
                await self._run_changed(fault, scope, receive, send)

    async def _run_changed(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        """Faults under which the request still runs to its end: F6, F8, F9, F10."""
        if fault.code == "F8":
            await asyncio.sleep(fault.delay_ms / 1000)
        if fault.code == "F10":
            self._twin.expire_tokens()
            self._twin.commit()  # the refusal that follows rolls back only itself
        scope["twin.fault"] = fault if fault.code == "F6" else None
        moment = self._twin.clock.time() - fault.lag_s
        with reading_as_of(moment) if fault.code == "F9" else nullcontext():
            await self._run(scope, receive, send)


def _not_before(moment: float, send: Send) -> Send:
    """The answer starts at `moment` (loop time) at the earliest: a vendor's latency includes its own work."""

    async def late(message: Message) -> None:
        if message["type"] == "http.response.start" and (rest := moment - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(rest)
        await send(message)

    return late


async def _send_whole(send: Send, whole: Whole) -> None:
    headers = [*whole.headers, (b"content-length", str(len(whole.content)).encode())]
    await send({"type": "http.response.start", "status": whole.status, "headers": headers})
    await send({"type": "http.response.body", "body": whole.content})


async def _unread(receive: Receive) -> Whole:
    """Takes the request in without acting on it: a client then meets the reset while it reads, never while it writes."""
    while (message := await receive())["type"] == "http.request" and message.get("more_body"):
        continue
    return Whole(200, b'{"id":"1"}')


async def _silence(receive: Receive, seconds: float) -> None:
    """Says nothing until the client gives up or the time is over."""

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    try:
        await asyncio.wait_for(gone(), seconds)
    except TimeoutError:
        log.info("a silent answer ended after %s s", seconds)


async def _cut(fault: Fault, good: Whole, scope: Scope, receive: Receive) -> None:
    """Writes a part of the answer past the server's own HTTP layer, then resets the connection."""
    head = b"HTTP/1.1 %d OK\r\ncontent-type: application/json\r\n" % good.status
    parts = {
        "before_headers": b"",
        "mid_headers": head[: len(head) - 12],
        "mid_body": head + b"content-length: %d\r\n\r\n" % (len(good.content) + 16) + good.content[:8],
    }
    transport: asyncio.Transport = scope["twin.transport"]
    transport.write(parts.get(fault.where, b""))
    await asyncio.sleep(_FLUSH_S if parts.get(fault.where) else 0)
    await _reset(scope, receive)


async def _reset(scope: Scope, receive: Receive) -> None:
    """Ends the connection with RST, and returns once the server has noticed, so that it adds no answer of its own."""
    transport: asyncio.Transport = scope["twin.transport"]
    if not transport.is_closing():
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass

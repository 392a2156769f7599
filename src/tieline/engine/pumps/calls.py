"""The call itself. A send starts only while the lease certainly holds; whatever happens becomes one outcome."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal

import structlog

from tieline.engine.crashpoints import crash_point
from tieline.engine.leases import Leases
from tieline.engine.pumps.intents import Sending
from tieline.engine.verdict import OK, Verdict, judge, judge_read
from tieline.kit.canonical import plain
from tieline.kit.errors import Unknown
from tieline.ports.systems import ExternalRef, OperationClass, System

log = structlog.get_logger("tieline.pump")
ABSENT = Verdict(state="failed", next="retry", code="certainly_absent", detail="looked for it and it is not there")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one effect."""

    sending: Sending
    verdict: Verdict
    ref: ExternalRef | None = None
    step: Literal["push", "look"] = "push"


async def send(system: System, leases: Leases, sending: Sending) -> Outcome | None:
    """Call the system once. None: the lease does not allow a send any more, so that nothing was sent."""
    if not leases.may_send(sending.shard, sending.epoch):
        return None
    if sending.careful and (known := await _known_already(system, sending)):
        return known
    crash_point("before_send")
    try:
        async with asyncio.timeout(sending.operation.max_life.total_seconds()):
            ref = await _perform(system, sending)
    except TimeoutError:
        error = Unknown(f"{system.name} did not answer in time")
        return Outcome(sending=sending, verdict=judge(error, sending.operation, sending.attempts))
    except Exception as error:  # every failure of a connector is judged in one place
        return Outcome(sending=sending, verdict=judge(error, sending.operation, sending.attempts))
    crash_point("after_answer")
    return Outcome(sending=sending, verdict=OK, ref=ref)


async def look(system: System, sending: Sending) -> Outcome:
    """After the fence: is it there? Found settles it, absent allows the same effect once more, a failed look asks again."""
    try:
        async with asyncio.timeout(sending.operation.max_life.total_seconds()):
            ref = await system.look(sending.envelope)
    except Exception as error:  # a look has no effect: judged as a read
        return Outcome(sending=sending, verdict=judge_read(error, sending.attempts), step="look")
    return Outcome(sending=sending, verdict=OK if ref else ABSENT, ref=ref, step="look")


async def _known_already(system: System, sending: Sending) -> Outcome | None:
    """After a restore the system may be ahead of us: what it holds is not made again. None: send it."""
    if sending.operation.op_class is OperationClass.K_PUT:
        return await _held_as_planned(system, sending)
    if sending.operation.op_class is OperationClass.N:
        error = Unknown("the hub was restored to an earlier point, and this system cannot be asked what it holds")
        return Outcome(sending=sending, verdict=judge(error, sending.operation, sending.attempts))
    found = await look(system, sending)
    return None if found.verdict is ABSENT else found


async def _held_as_planned(system: System, sending: Sending) -> Outcome | None:
    """A put is harmless, but what has gone on since, such as a posted invoice, refuses even the same content."""
    try:
        async with asyncio.timeout(sending.operation.max_life.total_seconds()):
            seen = (await system.read([sending.envelope]))[0] if sending.verb == "put" else None
    except Exception:  # a read has no effect, and the put decides
        log.info("not_read_before_put", system=system.name, kind=sending.envelope.kind)
        return None
    if seen is None or any(sending.envelope.doc.get(field) != value for field, value in plain(seen.doc).items()):
        return None
    return Outcome(sending=sending, verdict=OK, ref=seen.ref)


async def _perform(system: System, sending: Sending) -> ExternalRef:
    if sending.verb == "end":
        return await system.end(sending.envelope, sending.how)
    return await system.put(sending.envelope)

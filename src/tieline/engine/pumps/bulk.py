"""Many documents in one call: each keeps its own effect and outcome, and one that spoils a batch is found by halving it.

A row whose outcome the answer does not tell is unknown by itself; a batch whose answer is lost is unknown row by row.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast

from tieline.engine.crashpoints import crash_point
from tieline.engine.leases import Leases
from tieline.engine.pumps.calls import Outcome, send
from tieline.engine.pumps.intents import Sending
from tieline.engine.verdict import OK, judge
from tieline.kit.errors import Blocked, Conflict, Rejected, TielineError, Unknown
from tieline.ports.systems import ExternalRef, OperationClass, System, TakesMany

Row = ExternalRef | TielineError
Keep = Callable[[Sending, Outcome | None], None]


def batches(sending: Iterable[Sending]) -> list[list[Sending]]:
    """Groups of one (system, kind) up to what the operation takes; ends, class N, after a restore, and everything else one by one."""
    groups: dict[tuple[str, ...], list[Sending]] = defaultdict(list)
    for one in sending:
        alone = (
            one.verb != "put" or one.operation.batch < 2 or one.operation.op_class is OperationClass.N or one.careful
        )
        groups[(one.system, one.envelope.kind, one.replica_id if alone else "")].append(one)
    return [g[n : n + g[0].operation.batch] for g in groups.values() for n in range(0, len(g), g[0].operation.batch)]


async def send_batch(system: System, leases: Leases, batch: Sequence[Sending], keep: Keep) -> None:
    """Send `batch` in one call and `keep` the outcome of each; None where the lease does not allow a send any more."""
    if len(batch) == 1:
        keep(batch[0], await send(system, leases, batch[0]))
        return
    mine = [one for one in batch if leases.may_send(one.shard, one.epoch)]
    for one in batch:
        if one not in mine:
            keep(one, None)
    if not mine:
        return
    told = await _call(cast(TakesMany, system), system.name, mine)
    told = told if isinstance(told, Exception) else _believed(told, mine)
    if isinstance(told, Exception) and _spoilt(told, mine):
        for half in (mine[: len(mine) // 2], mine[len(mine) // 2 :]):
            await send_batch(system, leases, half, keep)
        return
    for one in mine:
        keep(one, _outcome(one, told if isinstance(told, Exception) else told.get(one.key.hex())))


async def _call(system: TakesMany, name: str, batch: Sequence[Sending]) -> Mapping[str, Row] | Exception:
    crash_point("before_send")
    try:
        async with asyncio.timeout(batch[0].operation.max_life.total_seconds()):
            told = await system.put_many([one.envelope for one in batch])
    except TimeoutError:
        return Unknown(f"{name} did not answer in time")
    except Exception as error:  # every failure of a connector is judged in one place
        return error
    crash_point("after_answer")
    return told


def _spoilt(error: Exception, batch: Sequence[Sending]) -> bool:
    """The refusal of a whole batch, certainly without effect, may be the fault of one row (F50)."""
    return len(batch) > 1 and isinstance(error, Rejected | Blocked | Conflict)


def _believed(told: Mapping[str, Row], batch: Sequence[Sending]) -> Mapping[str, Row]:
    """Where a batch takes effect whole or not at all, an answer that reports both success and refusal is no answer."""
    refused = any(isinstance(row, Exception) for row in told.values())
    return {} if batch[0].operation.all_or_none and refused else told


def _outcome(sending: Sending, told: Row | Exception | None) -> Outcome:
    if isinstance(told, ExternalRef):
        return Outcome(sending=sending, verdict=OK, ref=told)
    error = told or Unknown(f"{sending.system} did not say what became of this one")
    return Outcome(sending=sending, verdict=judge(error, sending.operation, sending.attempts))

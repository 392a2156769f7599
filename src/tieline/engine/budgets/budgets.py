"""What the pump speaks to: which systems take calls now, a turn for each call, and what was heard at its end.

One object per worker. `refresh` is the only part that touches the store, at most twice a second unless a budget is new.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from psycopg import AsyncConnection

from tieline.engine.budgets import circuit as circuits
from tieline.engine.budgets import share
from tieline.engine.budgets.circuit import Circuit
from tieline.engine.budgets.criticality import Criticality
from tieline.engine.budgets.gate import Gate, Heard, Turn
from tieline.engine.rows import Row
from tieline.engine.verdict import Verdict
from tieline.ports.landscape import Landscape, TenantSetup
from tieline.ports.limits import Allowance, Limits

Key = tuple[str, str]  # (tenant, system)
HURRY_S = 0.05  # a budget that has work and no slots asks again after this
QUEUED = 4  # calls under way or waiting per slot, so that a free slot never waits for the store
_NOTHING = ("unavailable", "outcome_unknown", "defect", "AMBIGUOUS")


class Budgets:
    """`clock` is monotonic; `background`: who only reads and compares, and gives way to all others."""

    def __init__(
        self,
        worker: str,
        landscape: Landscape,
        clock: Callable[[], float] = time.monotonic,
        *,
        background: bool = False,
    ) -> None:
        self.worker, self.landscape, self.clock, self.background = worker, landscape, clock, background
        self.weights = {tenant: setup.weight for tenant, setup in landscape.items()}
        self.weights_json = json.dumps({tenant: weight for tenant, weight in self.weights.items() if weight != 1})
        self.gates: dict[str, Gate] = {}
        self.circuits: dict[Key, Circuit] = {}
        self._of: dict[Key, Gate] = {}
        self._probes: set[Key] = set()  # one call each that we may make to a system that is down
        self._changes: list[tuple[Key, Circuit]] = []
        self._asked_at = float("-inf")
        self._looked_at = float("-inf")
        self._alarm: asyncio.TimerHandle | None = None

    def gate(self, key: Key) -> Gate:
        if key not in self._of:
            allowance = self._allowance(key)
            fresh = Gate(budget=allowance.budget, limits=allowance.limits, weights=self.weights)
            self._of[key] = self.gates.setdefault(allowance.budget, fresh)
            self._of[key].attach(allowance.limits, allowance.meter)
        return self._of[key]

    def _allowance(self, key: Key) -> Allowance:
        return allowance_of(self.landscape[key[0]], key[1])

    # -- what may be claimed ---------------------------------------------------------------------------------------

    def busy(self, load: Mapping[Key, int]) -> list[str]:
        """Systems (`tenant/system`) that take nothing now: down, silent or full. They slow only themselves (O5)."""
        return ["/".join(key) for key in {*load, *self.circuits} if self.room(key, load) < 1]

    def room(self, key: Key, load: Mapping[Key, int]) -> int:
        """How many more calls may be prepared; `load` counts those under way or waiting."""
        if key[0] not in self.landscape or key[1] not in self.landscape[key[0]].systems:
            return 0
        gate = self.gate(key)
        if not self.circuits.get(key, _CLOSED).lets_through:
            return 1 if key in self._probes and not load.get(key, 0) else 0
        if gate.silent(self.clock()):
            return 0
        # Of its own firm only: behind another firm's queue it would wait for calls that the gate lets it overtake (T4).
        queued = sum(count for other, count in load.items() if other[0] == key[0] and self._of.get(other) is gate)
        return QUEUED * gate.limits.concurrency - queued

    def take(self, claims: Sequence[Row], load: Mapping[Key, int]) -> list[Row]:
        """The claims that may be prepared now; the others stay due. To a system that is down goes one."""
        room: dict[Key, bool] = {}
        taken: list[Row] = []
        for claim in claims:
            key = (claim["tenant_id"], claim["system"])
            if room.setdefault(key, self.room(key, load) > 0):
                room[key] = self.circuits.get(key, _CLOSED).lets_through
                taken.append(claim)
        return taken

    # -- turns -----------------------------------------------------------------------------------------------------

    async def enter(self, key: Key, criticality: Criticality) -> Turn | None:
        """A turn to make one call, in order. None: the system is down or the worker ends; nothing shall be sent."""
        if not self._lets_through(key):
            return None
        turn = Turn(tenant=key[0], system=key[1], criticality=criticality)
        gate = self.gate(key)
        waits = gate.enter(turn, self.clock())
        if waits is None:
            return turn
        self._flow(gate)
        try:
            return turn if await waits else None
        except asyncio.CancelledError:
            if not waits.cancelled() and waits.done() and waits.result():
                self.leave(turn, None)  # its turn came in the same instant
            raise

    def leave(self, turn: Turn, verdict: Verdict | None) -> None:
        """The call has ended; None: it was never made."""
        key, now = (turn.tenant, turn.system), self.clock()
        gate = self.gate(key)
        heard = heard_in(verdict)
        pause = verdict.pause_system_s if verdict is not None and heard is Heard.TURNED_AWAY else 0.0
        gate.leave(turn, heard if verdict is not None else Heard.NOTHING, pause, now)
        for meter in gate.meters:
            if meter.newest is not None and meter.newest.window_left == 0:
                gate.pause(max(1.0, meter.newest.window_s), "its window is used up", now)
        if verdict is not None:
            self._judge(key, heard, verdict)
        self._flow(gate)

    def close(self) -> None:
        """An ordered end: what still waits is not made now."""
        for key, gate in self._of.items():
            gate.turn_back(*key)

    def _lets_through(self, key: Key) -> bool:
        if self.circuits.get(key, _CLOSED).lets_through:
            return True
        if key in self._probes:
            self._probes.discard(key)
            return True
        return False

    def _judge(self, key: Key, heard: Heard, verdict: Verdict) -> None:
        was = self.circuits.get(key, _CLOSED)
        now_is = circuits.failed(was, verdict.detail) if heard is Heard.NOTHING else circuits.succeeded(was)
        if now_is == was:
            return
        self.circuits[key] = now_is
        if was.state == "closed" and now_is.state == "closed":
            return
        self._changes.append((key, now_is))
        self._asked_at = float("-inf")  # others hear of it at once
        gate = self.gate(key)
        if now_is.state == "open" and was.state == "closed":
            gate.turn_back(*key)
        elif now_is.state == "closed":
            gate.learned = type(gate.learned)(at_once=1.0, ceiling=gate.learned.ceiling)  # no wave when it comes back
            self.circuits.pop(key)

    def _flow(self, gate: Gate) -> None:
        """Start whoever may start; when only time is missing, look again then."""
        wait = gate.flow(self.clock())
        if wait is not None and (self._alarm is None or self._alarm.cancelled()):
            self._alarm = asyncio.get_running_loop().call_later(max(wait, 0.005), self._rung)

    def _rung(self) -> None:
        self._alarm = None
        for gate in self.gates.values():
            self._flow(gate)

    def stale(self, claims: Iterable[Row]) -> bool:
        """Whether the store is to be asked before these are prepared."""
        return self._stale(self._coming(claims), self.clock())

    def _stale(self, coming: Counter[str], now: float) -> bool:
        return now - self._asked_at >= share.RENEW_S or any(self._short(name, coming, now) for name in self.gates)

    def _coming(self, claims: Iterable[Row]) -> Counter[str]:
        """Calls that these claims will make, by budget."""
        coming: Counter[str] = Counter()
        for key, count in Counter((row["tenant_id"], row["system"]) for row in claims).items():
            if key[0] in self.landscape and key[1] in self.landscape[key[0]].systems:
                coming[self.gate(key).budget] += count
        return coming

    # -- the store -------------------------------------------------------------------------------------------------

    async def refresh(self, connection: AsyncConnection[Any], claims: Iterable[Row] = ()) -> None:
        """Renew what is used, ask for what `claims` need, share what was heard. Raises psycopg.Error."""
        coming, now = self._coming(claims), self.clock()
        if not self._stale(coming, now):
            return
        self._asked_at = now
        asked = [
            share.ask(gate, coming[name], gate.sighted(), now, background=self.background)
            for name, gate in self.gates.items()
            if coming[name] or gate.under_way or gate.waiting or gate.slots or gate.tally.calls
        ]
        if asked:
            await share.renew(connection, self.worker, asked, now)
        await self._share_circuits(connection)
        for gate in self.gates.values():
            self._flow(gate)

    def _short(self, name: str, coming: Counter[str], now: float) -> bool:
        gate = self.gates[name]
        if now - gate.asked_at < HURRY_S:
            return False
        need = coming[name] + sum(map(len, gate.waiting.values()))
        return need > 0 and (gate.most(now) < 1 or gate.batch == 0 or need > gate.slots < gate.share)

    async def _share_circuits(self, connection: AsyncConnection[Any]) -> None:
        while self._changes:  # kept until the store has them
            key, state = self._changes[0]
            await share.turn_circuit(connection, key, state.state, state.reason, self.worker, state.failures)
            self._changes.pop(0)
        known = await share.open_circuits(connection)
        for key in [key for key, mine in self.circuits.items() if not mine.lets_through and key not in known]:
            del self.circuits[key]  # another worker's probe was answered
            self.gate(key).learned = type(self.gate(key).learned)(at_once=1.0)
        for key, row in known.items():
            if key[0] not in self.landscape or key[1] not in self.landscape[key[0]].systems:
                continue
            if self.circuits.get(key, _CLOSED).lets_through:
                self.circuits[key] = Circuit(state="open", failures=row["failures"], reason=row["reason"] or "")
                self.gate(key).turn_back(*key)
            if row["ready"] and await share.take_probe(connection, key, self.worker, row["failures"]):
                self._probes.add(key)
            elif not row["ready"]:
                self._probes.discard(key)


def allowance_of(setup: TenantSetup, system: str) -> Allowance:
    """What a system of a firm draws on; without a word about it, as many calls at once as it bears, on its own."""
    most = Limits(concurrency=max(1, setup.systems[system].concurrency))
    return setup.allowances.get(system) or Allowance(budget=f"{setup.tenant}/{system}", limits=most)


def heard_in(verdict: Verdict | None) -> Heard:
    """What the end of a call says of the system, whatever it means for the document."""
    if verdict is None or verdict.state == "ok":
        return Heard.ANSWER
    if verdict.code == "throttled":
        return Heard.TURNED_AWAY
    return Heard.NOTHING if verdict.code in _NOTHING else Heard.ANSWER


_CLOSED = Circuit()

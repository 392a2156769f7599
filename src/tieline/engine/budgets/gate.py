"""Where the calls of one budget wait for their turn, in one worker. No I/O: time is an argument, the store's word arrives
through `granted`. A call starts when a slot is leased and free, the vendor is not asking for silence, and it is its turn.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from tieline.engine.budgets import learned
from tieline.engine.budgets.criticality import Criticality, most_at_once
from tieline.engine.budgets.pace import Pace
from tieline.engine.budgets.turns import Turns, Who
from tieline.ports.limits import Limits, Meter, Sighting

PAUSE_MOST_S = 900.0  # a vendor that asks for more is asked again, with one call, after a quarter of an hour
LINGER_LEAST_S, LINGER_MOST_S = 1.0, 30.0
# Of a day's quota these parts are kept for what is more critical.
KEPT = {Criticality.CENSUS: 0.2, Criticality.NOTICE: 0.05, Criticality.STATE: 0.02}


class Heard(Enum):
    """What a call's end says of the vendor."""

    ANSWER = "answer"  # whatever it said
    TURNED_AWAY = "turned away"  # too many at once, too often, or the day's quota is spent
    NOTHING = "nothing"  # not reached, cut off, an error of the server's own


@dataclass(slots=True, eq=False)
class Turn:
    """One call under way. `at_once`: how many there were when it started, itself among them."""

    tenant: str
    system: str
    criticality: Criticality
    started_at: float = 0.0
    at_once: int = 0


@dataclass(slots=True)
class Tally:
    """What happened since the store was last told."""

    calls: int = 0
    turned_away: int = 0
    returned: int = 0
    extra: int = 0
    pause_s: float = 0.0
    pause_reason: str = ""


@dataclass(slots=True)
class Gate:
    budget: str
    limits: Limits
    weights: Mapping[str, int]
    slots: int = 0  # leased until `deadline`
    share: int = 0
    deadline: float = 0.0
    asked_at: float = float("-inf")
    batch: int | None = None  # calls left of the day's batch; None: no quota
    day_left: float = 1.0
    paused_until: float = 0.0
    learned: learned.Learned = field(default_factory=learned.Learned)
    pace: Pace = field(default_factory=Pace)
    turns: Turns = field(default_factory=Turns)
    tally: Tally = field(default_factory=Tally)
    longest_s: float = LINGER_LEAST_S
    under_way: set[Turn] = field(default_factory=set)
    waiting: dict[Who, deque[tuple[Turn, asyncio.Future[bool]]]] = field(default_factory=dict)
    classes: Counter[Criticality] = field(default_factory=Counter)
    meters: list[Meter] = field(default_factory=list)
    paid: int = 0  # calls that the meter may have counted so far
    paced: int = -1  # slots that the pace is set for

    # -- how much --------------------------------------------------------------------------------------------------

    def most(self, now: float) -> int:
        """Calls that may be under way now in this worker; none once the lease of its slots may be over."""
        if now >= self.deadline or self.slots < 1:
            return 0
        return self.learned.most(self.slots)

    def silent(self, now: float) -> bool:
        return now < self.paused_until

    def demand(self, more: int) -> int:
        """Slots that this worker could use, `more` calls being about to come."""
        queued = sum(map(len, self.waiting.values()))
        return min(self.limits.concurrency, len(self.under_way) + queued + more + 1)

    def kept(self) -> int:
        """Slots that stay in use whatever the store answers; until it does, nothing starts beyond them."""
        self.slots = max(len(self.under_way), min(self.slots, self.share))
        return self.slots

    def granted(self, slots: int, share: int, batch: int | None, day_left: float, until: float, now: float) -> None:
        """The store's answer, valid until `until`. Each slot carries its part of the rate."""
        if self.limits.rate_calls is not None and slots != self.paced:
            self.paced = slots
            self.pace.set(self.limits.rate_calls * slots / self.limits.concurrency, self.limits.rate_window_s, now)
        self.slots, self.share, self.batch, self.day_left, self.deadline = slots, share, batch, day_left, until
        self.longest_s = max(LINGER_LEAST_S, self.longest_s * 0.9)

    def linger_s(self, now: float) -> float:
        """How long calls of a worker that dies may still be at work at the vendor: the longest seen lately."""
        oldest = max((now - turn.started_at for turn in self.under_way), default=0.0)
        return min(max(self.longest_s, oldest), LINGER_MOST_S)

    def attach(self, limits: Limits, meter: Meter) -> None:
        """One more system draws on this budget; the tighter limits hold."""
        self.meters.append(meter)
        a, b = self.limits, limits
        if a.concurrency > b.concurrency or (b.rate_calls is not None and a.rate_calls is None):
            self.limits = replace(
                b if b.rate_calls is not None else a, concurrency=min(a.concurrency, b.concurrency),
                daily=min((each for each in (a.daily, b.daily) if each is not None), default=None),
            )  # fmt: skip

    def sighted(self) -> Sighting | None:
        """The newest word of the vendor about its own count, once."""
        return next((seen for seen in [meter.take() for meter in self.meters] if seen is not None), None)

    # -- turns -----------------------------------------------------------------------------------------------------

    def enter(self, turn: Turn, now: float) -> asyncio.Future[bool] | None:
        """None: the call may start. Otherwise wait for its turn; False means that it shall not be made."""
        if not any(self.waiting.values()) and self._free(now) and self._open(turn.criticality) and self._take(now):
            self._start(turn, now)
            return None
        waits: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.waiting.setdefault((turn.tenant, turn.criticality), deque()).append((turn, waits))
        return waits

    def flow(self, now: float) -> float | None:
        """Start whoever's turn it is. Returns after how many seconds time alone lets the next one start, if so."""
        while ready := self._ready(now):
            if not self._take(now):
                return self.pace.wait_s()
            who = self.turns.turn(ready, self.weights)
            queue = self.waiting[who]
            turn, waits = queue.popleft()
            if not queue:
                del self.waiting[who]
            if waits.done():  # given up meanwhile
                self._give_back()
                continue
            self._start(turn, now)
            waits.set_result(True)
        return self.paused_until - now if self.waiting and self.silent(now) else None

    def leave(self, turn: Turn, heard: Heard, pause_s: float, now: float) -> None:
        """The call has ended."""
        self.under_way.discard(turn)
        self.classes[turn.criticality] -= 1
        self.longest_s = max(self.longest_s, min(now - turn.started_at, LINGER_MOST_S))
        if heard is Heard.ANSWER:
            self.learned = learned.answered(self.learned, turn.at_once, max(1, self.slots))
        elif heard is Heard.TURNED_AWAY:
            self.tally.turned_away += 1
            self.learned = learned.turned_away(self.learned, turn.at_once, turn.started_at, now)
            self.pause(max(pause_s, learned.silence_s(self.learned)), "it asks for fewer calls", now)
        self._charge()

    def pause(self, seconds: float, reason: str, now: float) -> None:
        """Say nothing for a while; afterwards one call shows whether it was enough."""
        if seconds <= 0 or now + seconds <= self.paused_until:
            return
        seconds = min(seconds, PAUSE_MOST_S)
        self.paused_until = now + seconds
        self.learned = learned.Learned(at_once=1.0, patience=self.learned.patience, in_a_row=self.learned.in_a_row)
        self.tally.pause_s, self.tally.pause_reason = max(self.tally.pause_s, seconds), reason

    def turn_back(self, tenant: str, system: str) -> int:
        """Nobody waits for a system that is down: these calls are not made now. Returns how many."""
        count = 0
        for who, queue in list(self.waiting.items()):
            gone = [each for each in queue if (each[0].tenant, each[0].system) == (tenant, system)]
            for each in gone:
                queue.remove(each)
                if not each[1].done():
                    each[1].set_result(False)
            count += len(gone)
            if not queue:
                del self.waiting[who]
        return count

    def _free(self, now: float) -> bool:
        return len(self.under_way) < self.most(now) and not self.silent(now) and self.batch != 0

    def _open(self, criticality: Criticality) -> bool:
        if self.day_left <= KEPT.get(criticality, 0.0) and self.batch is not None:
            return False
        # Of what may be leased, not of what is: a listing alone would otherwise lease little, and have half of that.
        return self.classes[criticality] < most_at_once(criticality, max(self.slots, self.share))

    def _ready(self, now: float) -> set[Who]:
        return {who for who in self.waiting if self._open(who[1])} if self._free(now) else set()

    def _take(self, now: float) -> bool:
        if not self.pace.take(now):
            return False
        if self.batch is not None:
            self.batch -= 1
        return True

    def _give_back(self) -> None:
        self.pace.charge(-1)
        if self.batch is not None:
            self.batch += 1

    def _start(self, turn: Turn, now: float) -> None:
        self.under_way.add(turn)
        self.classes[turn.criticality] += 1
        self.tally.calls += 1
        self.paid += 1
        turn.started_at, turn.at_once = now, len(self.under_way)

    def _charge(self) -> None:
        """A document may take several calls: what the meter counted beyond the turns is paid afterwards."""
        beyond = sum(meter.calls for meter in self.meters) - self.paid
        if beyond > 0:
            self.pace.charge(beyond)
            self.tally.extra += beyond
            self.paid += beyond

"""What a duty is, and the term in which a process has it: the epoch is the fence of everything that a round writes."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass

from tieline.engine.rows import Cursor


class DutyLost(Exception):
    """Another scheduler has the duty now: drop the round, it is the successor's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """`run` is one round: short, idempotent, in transactions of its own; it answers how much it did.

    `every_s` is the latest distance between two rounds; while a round answers more than 0 the next follows at once.
    """

    name: str
    every_s: float
    run: Callable[[], Awaitable[int]]


@dataclass(slots=True)
class Term:
    """One holding of one duty. `deadline` is monotonic and lies inside the lease that the store knows."""

    duty: str
    epoch: int
    owner: str
    deadline: float

    @property
    def ours(self) -> bool:
        """False once the lease may have gone to somebody else. Ask before anything that cannot be undone."""
        return time.monotonic() < self.deadline


_term: ContextVar[Term] = ContextVar("tieline_duty_term")


def term() -> Term | None:
    """The term of the round that is running; None outside of a runner, where there is nothing to fence."""
    return _term.get(None)


async def fence(cursor: Cursor) -> None:
    """Keep the running round's epoch until the transaction ends. Raises DutyLost when another scheduler has the duty."""
    held = term()
    if held is None:
        return
    await cursor.execute(_FENCE, (held.duty, held.epoch))
    if await cursor.fetchone() is None:
        raise DutyLost(f"{held.duty}: epoch {held.epoch} is over")


# A table of its own: renewing the lease must not wait for a transaction that is fenced by it.
_FENCE = "select duty from duty_epochs where duty = %s and epoch = %s for share"

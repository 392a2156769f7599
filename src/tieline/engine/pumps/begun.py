"""What a transaction makes due may begin inside it: the intents travel with their cause, and one commit carries both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from tieline.engine.pumps.intents import Claim, Sending
from tieline.engine.rows import Cursor

Key = tuple[str, str]  # (tenant, replica)
GoOn = Callable[[Cursor, Sequence[Claim]], Awaitable[Sequence[Claim]]]
"""Called at the end of a transaction with what it made due; begins what may begin at once and returns the rest."""


@dataclass(slots=True)
class Begun:
    """What one transaction prepares and its commit lets start. `ended`: replicas whose call it settles."""

    ended: frozenset[Key] = frozenset()
    sending: list[Sending] = field(default_factory=list)
    looks: list[Sending] = field(default_factory=list)
    written: Cursor | None = None  # asked for, and read after the commit
    started: set[Key] = field(default_factory=set)


async def nothing_begun(cursor: Cursor, due: Sequence[Claim]) -> Sequence[Claim]:
    """A `GoOn` for those who start nothing themselves."""
    return due

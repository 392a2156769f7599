"""Who looks: sessions on the server, one-time doors, and the token that every form carries.

Kept in this process: a restart asks people to log in again and loses nothing else.
"""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

SESSIONS_MAX = 1_000
SESSION_LIFE_S = 8 * 3600.0
DOOR_LIFE_S = 3600.0
COOKIE = "tieline_session"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    api_key: str
    csrf: str
    until: float

    def __repr__(self) -> str:
        return "Session(***)"


class Sessions:
    """`clock` is monotonic seconds. The oldest session goes when there are too many."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._open: OrderedDict[str, Session] = OrderedDict()

    def start(self, api_key: str) -> str:
        name = secrets.token_urlsafe(32)
        until = self._clock() + SESSION_LIFE_S
        self._open[name] = Session(api_key=api_key, csrf=secrets.token_urlsafe(32), until=until)
        while len(self._open) > SESSIONS_MAX:
            self._open.popitem(last=False)
        return name

    def of(self, name: str | None) -> Session | None:
        found = self._open.get(name or "")
        if found is None or found.until <= self._clock():
            self._open.pop(name or "", None)
            return None
        return found

    def end(self, name: str | None) -> None:
        self._open.pop(name or "", None)


class Doors:
    """One-time login links: each opens once, for an hour, with the key that was left behind it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._closed: dict[str, tuple[str, float]] = {}

    def leave(self, api_key: str) -> str:
        code = secrets.token_urlsafe(24)
        self._closed[code] = (api_key, self._clock() + DOOR_LIFE_S)
        return code

    def enter(self, code: str) -> str | None:
        found = self._closed.pop(code, None)
        if found is None or found[1] <= self._clock():
            return None
        return found[0]


def same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())

"""Requests a minute, per company and area, as the vendor publishes them. Off unless a scenario switches them on."""

from __future__ import annotations

from starlette.requests import Request

from tieline.twins.chassis import Clock
from tieline.twins.ironclad.refusals import Refused

_PER_MINUTE = {"records_read": 600, "records_write": 200, "webhooks": 600}


class Limits:
    """Counts in whole minutes of the twin's clock."""

    def __init__(self, clock: Clock, *, on: bool) -> None:
        self._clock = clock
        self._on = on
        self._minute = 0
        self._counts: dict[str, int] = {}

    def count(self, request: Request) -> None:
        """Refuses with 429 what is over the limit."""
        if not self._on:
            return
        minute = int(self._clock.time() // 60)
        if minute != self._minute:
            self._minute, self._counts = minute, {}
        area = _area(request)
        self._counts[area] = self._counts.get(area, 0) + 1
        if self._counts[area] > _PER_MINUTE[area]:
            raise Refused(429, "TOO_MANY_REQUESTS", "rate limit exceeded")


def _area(request: Request) -> str:
    if "/webhooks" in request.url.path:
        return "webhooks"
    return "records_read" if request.method == "GET" else "records_write"

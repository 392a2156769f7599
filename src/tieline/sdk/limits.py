"""What vendors say of their limits in the headers of every answer, in the spellings that several of them use."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from tieline.ports.http import Answer, Http
from tieline.ports.limits import Meter, Sighting, header_numbers

Seen = Callable[[Mapping[str, str]], Sighting | None]
_USAGE = re.compile(r"api-usage=(\d{1,12})/(\d{1,12})")
_WINDOW_S_MAX = 86_400


def limits_seen(headers: Mapping[str, str]) -> Sighting | None:
    """Lower-case names. None: these headers say nothing. A connector with its own spelling overrides `limits_seen`."""
    left = header_numbers(headers, "x-ratelimit-remaining", "ratelimit-remaining", "x-minlimit-remaining")
    reset = header_numbers(headers, "x-ratelimit-reset", "ratelimit-reset") if left is not None else None
    used, limit = _day(headers)
    if left is None and used is None:
        return None
    # A reset beyond a day is an instant, not a distance: the caller has no clock to turn it into one.
    window = reset if reset is not None and reset <= _WINDOW_S_MAX else 0
    return Sighting(window_left=left, window_s=window, day_used=used, day_limit=limit)


def _day(headers: Mapping[str, str]) -> tuple[int | None, int | None]:
    if usage := _USAGE.search(headers.get("sforce-limit-info", "")):
        return int(usage[1]), int(usage[2])
    left = header_numbers(headers, "x-daylimit-remaining")
    limit = header_numbers(headers, "x-daylimit-limit")
    return (limit - left, limit) if left is not None and limit is not None and left <= limit else (None, None)


class Metered:
    """An HTTP client that tells a meter of every answer. What it cannot read changes nothing."""

    def __init__(self, inner: Http, meter: Meter, seen: Seen = limits_seen) -> None:
        self._inner, self._meter, self._seen = inner, meter, seen

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        content: bytes | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        expect: str = "json",
        timeout_s: float = 30,
        safe: bool | None = None,
    ) -> Answer:
        sighting = None
        try:
            answer = await self._inner.request(
                method, path, json=json, content=content, params=params, headers=headers, expect=expect,
                timeout_s=timeout_s, safe=safe,
            )  # fmt: skip
            sighting = self._seen(answer.headers)
            return answer
        finally:
            self._meter.answered(sighting)

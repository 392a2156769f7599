"""The calls that the hub sends: remembered so that a bare loop can send exactly the same ones, or timed."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from tieline.kit.errors import Throttled
from tieline.ports.http import Answer, Http


@dataclass(frozen=True, slots=True)
class Call:
    http: Http
    method: str
    path: str
    options: dict[str, Any]

    async def again(self) -> Answer:
        return await self.http.request(self.method, self.path, **self.options)


@dataclass(slots=True)
class Recorder:
    """`calls` in the order of sending."""

    calls: list[Call] = field(default_factory=list)

    def around(self, http: Http) -> Http:
        return _Recording(http, self)


class _Recording:
    def __init__(self, inner: Http, recorder: Recorder) -> None:
        self._inner, self._recorder = inner, recorder

    async def request(self, method: str, path: str, **options: Any) -> Answer:
        self._recorder.calls.append(Call(self._inner, method, path, options))
        return await self._inner.request(method, path, **options)


@dataclass(slots=True)
class Watch:
    """Notes each call whose path begins with one of `paths`: (end, seconds, turned away), by the monotonic clock."""

    paths: tuple[str, ...]
    calls: list[tuple[float, float, bool]] = field(default_factory=list)

    def around(self, http: Http) -> Http:
        return _Watched(http, self)


class _Watched:
    def __init__(self, inner: Http, watch: Watch) -> None:
        self._inner, self._watch = inner, watch

    async def request(self, method: str, path: str, **options: Any) -> Answer:
        if not path.startswith(self._watch.paths):
            return await self._inner.request(method, path, **options)
        started, turned_away = time.monotonic(), False
        try:
            answer = await self._inner.request(method, path, **options)
            turned_away = answer.status == 429
            return answer
        except Throttled:
            turned_away = True
            raise
        finally:
            ended = time.monotonic()
            self._watch.calls.append((ended, ended - started, turned_away))

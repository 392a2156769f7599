"""The calls that the hub sends, remembered so that a bare loop can send exactly the same ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

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

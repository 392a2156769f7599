"""The API as the console asks it: in this process, with the looking person's own key. Never a query of the console's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from starlette.types import ASGIApp

from tieline.kit.ids import uuid7


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back: a document, or a problem with its sentence."""

    status: int
    body: Any

    @property
    def ok(self) -> bool:
        return self.status < 400

    @property
    def sentence(self) -> str:
        if isinstance(self.body, Mapping):
            return str(self.body.get("detail") or self.body.get("title") or "The request failed.")
        return "The request failed."


class Api:
    def __init__(self, app: ASGIApp) -> None:
        self._transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)

    async def get(self, key: str, path: str, **params: str) -> Reply:
        return await self._send(key, "GET", path, params=params)

    async def post(self, key: str, path: str, body: Mapping[str, Any], *, once: str | None = None) -> Reply:
        """`once` names the order, so that pressing a button twice gives it once."""
        headers = {"Idempotency-Key": f'"{once or uuid7()}"'}
        return await self._send(key, "POST", path, json=dict(body), headers=headers)

    async def _send(
        self, key: str, method: str, path: str, headers: Mapping[str, str] | None = None, **rest: Any
    ) -> Reply:
        allowed = {"Authorization": f"Bearer {key}", **(headers or {})}
        async with httpx2.AsyncClient(transport=self._transport, base_url="http://console.internal") as http:
            answer = await http.request(method, path, headers=allowed, **rest)
        body = answer.json() if "json" in answer.headers.get("content-type", "") else None
        return Reply(status=answer.status_code, body=body)

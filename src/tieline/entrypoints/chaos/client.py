"""Those who hand in: a time sheet system and a person's script. They repeat until they are told yes, and keep every yes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx2
from standardwebhooks.webhooks import Webhook

from tieline.entrypoints.chaos.stage import TENANT
from tieline.kit.errors import Rejected

AGAIN_S = 0.2
NOT_NOW = (409, 429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True, kw_only=True)
class Yes:
    """One answer 2xx that the caller really saw: from here on, nothing of it may be lost."""

    what: str
    key: str
    correlation: str


@dataclass(slots=True)
class Sender:
    """Alternates between the edges; forgets some answers on purpose, so that the same thing is handed in again."""

    edges: tuple[str, ...]
    api_key: str
    inbox_secret: str
    chance: random.Random
    http: httpx2.AsyncClient
    heard: list[Yes] = field(default_factory=list)
    sent: int = 0
    orders_to: str = ""  # all orders go to this edge: one whose edge died is repeated only after a minute
    _turn: int = 0

    async def event(self, event: dict[str, Any]) -> None:
        """A signed CloudEvent, handed in until it is taken, and now and then once more."""
        body = json.dumps(event)
        for _ in range(1 + self.chance.randrange(3)):
            answer = await self._until_taken(lambda: self._post_event(event["id"], body))
            self._keep("event", event["id"], answer)

    async def event_once(self, event: dict[str, Any]) -> int:
        """The status of the first answer that is not "not now", whatever it says."""
        return (await self._until_answered(lambda: self._post_event(event["id"], json.dumps(event)))).status_code

    async def order(self, what: str, path: str, body: Mapping[str, Any], key: str) -> dict[str, Any]:
        """An order with its Idempotency-Key, repeated until it is taken, and now and then once more."""
        headers = {"Authorization": f"Bearer {self.api_key}", "Idempotency-Key": f'"{key}"'}
        found: dict[str, Any] = {}
        for _ in range(1 + self.chance.randrange(2)):
            answer = await self._until_taken(lambda: self._send("POST", path, json=dict(body), headers=headers))
            self._keep(what, key, answer)
            found = answer.json()
        return found

    async def get(self, path: str) -> dict[str, Any] | None:
        """None while there is no such thing."""
        headers = {"Authorization": f"Bearer {self.api_key}"}
        answer = await self._until_answered(lambda: self._send("GET", path, headers=headers))
        if answer.status_code == 404:
            return None
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    def _keep(self, what: str, key: str, answer: httpx2.Response) -> None:
        self.heard.append(Yes(what=what, key=key, correlation=answer.headers.get("tieline-correlation-id", "")))

    async def _until_taken(self, send: Any) -> httpx2.Response:
        answer = await self._until_answered(send)
        if not answer.is_success:
            raise Rejected(f"The hub refused {answer.request.url.path} with {answer.status_code}: {answer.text[:300]}")
        return answer

    async def _until_answered(self, send: Any) -> httpx2.Response:
        """Edges die in the middle of an answer: that is no answer. The caller's own deadline ends this."""
        while True:
            with contextlib.suppress(httpx2.RequestError):
                answer: httpx2.Response = await send()
                if answer.status_code not in NOT_NOW or _final(answer):
                    return answer
            await asyncio.sleep(AGAIN_S)

    async def _post_event(self, event_id: str, body: str) -> httpx2.Response:
        moment = datetime.now(UTC)
        headers = {
            "content-type": "application/json", "webhook-id": event_id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": Webhook(self.inbox_secret).sign(event_id, moment, body),
        }  # fmt: skip
        return await self._send("POST", f"/hooks/{TENANT}/inbox", content=body, headers=headers)

    async def _send(self, method: str, path: str, **request: Any) -> httpx2.Response:
        self._turn += 1
        self.sent += 1
        edge = self.edges[self._turn % len(self.edges)]
        if self.orders_to and "Idempotency-Key" in request.get("headers", {}):
            edge = self.orders_to
        return await self.http.request(method, edge + path, **request)


def _final(answer: httpx2.Response) -> bool:
    """A conflict that will not pass: another document under the same name, an invoice that has changed."""
    if answer.status_code != 409:
        return False
    with contextlib.suppress(ValueError):
        return str(answer.json().get("code")) != "in_progress"
    return False


@contextlib.asynccontextmanager
async def sender(edges: tuple[str, ...], api_key: str, inbox_secret: str, seed: int) -> AsyncIterator[Sender]:
    async with httpx2.AsyncClient(timeout=httpx2.Timeout(6.0, connect=2.0)) as http:
        yield Sender(edges, api_key, inbox_secret, random.Random(f"sender {seed}"), http)

"""The feed over HTTP: cursors that a restore has overtaken, and the stream."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from api_house import House

from tieline.api import events
from tieline.kit.ids import uuid7


def event(house: House, number: int, contract_id: str = "c1") -> None:
    house.seed(
        "events", tenant_id="northwind", event_id=uuid7(), lane=f"contract:{contract_id}", lane_seq=number, actor="clm",
        subject="contract", type="dev.tieline.contract.signed.v1", data={"number": number}, correlation_id=uuid7(),
    )  # fmt: skip


async def test_F40_a_cursor_beyond_a_restored_point_is_answered_410_with_the_cursor_to_go_on_from(house: House) -> None:
    for number in (1, 2):
        event(house, number)
    await house.seal()
    async with house.client() as http:
        early = (await http.get("/events/v1?limit=1")).json()["cursor"]
        late = (await http.get("/events/v1")).json()["cursor"]
        house.rows("delete from seals where position = 2 returning 1")
        house.rows(
            "update feed_heads set position = 1, epoch = 2, hash = (select hash from seals where position = 1) returning 1"
        )
        house.rows(
            "insert into feed_epochs select tenant_id, 2, 1, hash, now(), 'ops', 'disk lost' from seals returning 1"
        )
        assert (await http.get(f"/events/v1?cursor={early}")).status_code == 200
        gone = await http.get(f"/events/v1?cursor={late}")
    assert (gone.status_code, gone.json()["code"]) == (410, "cursor_gone")
    assert gone.json()["errors"] == [{"path": "/query/cursor", "message": f"go on from {early}"}]


async def test_a_cursor_made_up_or_of_another_firm_is_refused(house: House) -> None:
    event(house, 1)
    await house.seal()
    async with house.client() as http, house.client("southwind") as other:
        cursor = (await http.get("/events/v1")).json()["cursor"]
        assert (await other.get(f"/events/v1?cursor={cursor}")).status_code == 422
        assert (await http.get("/events/v1?cursor=MTIz")).status_code == 422


async def test_a_stream_goes_on_after_the_last_event_seen_and_tells_what_is_sealed_next(house: House) -> None:
    for number in (1, 2):
        event(house, number)
    await house.seal()
    async with house.client() as http:
        first = (await http.get("/events/v1?limit=1")).json()["cursor"]
    reader = Reader(house, first)
    second = await reader.next()
    event(house, 3)
    await house.seal()
    third = await reader.next()
    await reader.leave()
    assert [each["data"]["sequence"] for each in (second, third)] == [2, 3]
    assert third["event"] == "dev.tieline.contract.signed.v1"
    async with house.client() as http:
        assert (await http.get(f"/events/v1?cursor={third['id']}")).json()["events"] == []


async def test_a_stream_without_news_says_that_it_is_still_here_and_goes_on_telling(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proxies end connections on which nothing is said; what is said is a comment, which no reader takes for an event."""
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.2)
    event(house, 1)
    await house.seal()
    async with house.client() as http:
        reader = Reader(house, (await http.get("/events/v1")).json()["cursor"])
    assert [await reader.text(), await reader.text()] == [": still here\n\n"] * 2
    event(house, 2)
    await house.seal()
    while (said := await reader.text()).startswith(":"):
        pass
    assert "dev.tieline.contract.signed.v1" in said
    assert await reader.text() == ": still here\n\n"
    await reader.leave()


def test_a_stream_says_something_more_often_than_proxies_lose_patience() -> None:
    """A minute is what the common ones allow without a word."""
    assert 1 <= events.HEARTBEAT_S <= 30


class Reader:
    """A client that keeps its connection open, spoken to as a server does."""

    def __init__(self, house: House, last_event_id: str) -> None:
        self._told: asyncio.Queue[str] = asyncio.Queue()
        self._left = asyncio.Event()
        headers = {"authorization": f"Bearer {house.keys['northwind']}", "last-event-id": last_event_id, "host": "hub"}
        scope = {
            "type": "http", "http_version": "1.1", "method": "GET", "path": "/events/v1/stream", "scheme": "http",
            "raw_path": b"/events/v1/stream", "query_string": b"", "root_path": "", "client": ("127.0.0.1", 1),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()], "server": ("hub", 80),
        }  # fmt: skip
        self._asked = False
        self._running = asyncio.create_task(house.app(scope, self._receive, self._send))

    async def next(self) -> dict[str, Any]:
        text = await self.text()
        fields = dict(line.split(": ", 1) for line in text.strip().splitlines())
        return {**fields, "data": json.loads(fields["data"])}

    async def text(self) -> str:
        return await asyncio.wait_for(self._told.get(), 10)

    async def leave(self) -> None:
        self._left.set()
        await asyncio.wait_for(self._running, 10)

    async def _receive(self) -> Any:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if body := message.get("body"):
            self._told.put_nowait(body.decode())

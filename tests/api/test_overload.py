"""V4: under more than is worked off the edge says "later" at next to no cost, once in its log, and goes on taking orders."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from api_house import House, message
from starlette.routing import Router
from structlog.testing import capture_logs

from tieline.api.app import hooks_first
from tieline.api.batcher import Batcher
from tieline.api.frame import Frame
from tieline.api.hooks import Hooks
from tieline.api.pressure import Pressure
from tieline.kit.errors import Unavailable


def overloaded(house: House) -> Pressure:
    """Seventy thousand wait where a thousand a second are worked off."""
    pressure = Pressure(house.services.pool, drained_per_s=1000.0)
    pressure.note(70_000, 0, time.monotonic())
    pressure.drained_per_s = 1000.0
    return pressure


@pytest.fixture
async def edge(house: House) -> AsyncIterator[httpx2.AsyncClient]:
    batcher = Batcher(house.services.edge_pool, pressure=overloaded(house))
    app = Frame(hooks_first(Hooks(house.services, batcher), Router()))
    transport: Any = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://edge") as http:
        yield http


async def test_V4_a_message_is_refused_before_its_signature_is_looked_at(
    house: House, edge: httpx2.AsyncClient
) -> None:
    answer = await edge.post("/hooks/northwind/clm", content=message(), headers={"x-signature": "nonsense"})
    assert answer.status_code == 503
    assert 11 <= int(answer.headers["retry-after"]) <= 17
    assert house.rows("select count(*) from inputs") == [(0,)]


async def test_V4_thousands_of_refusals_are_one_line_in_the_log(edge: httpx2.AsyncClient) -> None:
    with capture_logs() as said:
        for _ in range(20):
            await edge.post("/hooks/northwind/clm", content=message())
    assert [one["event"] for one in said] == ["edge_refuses"]


async def test_V4_when_everything_is_taken_again_the_log_says_how_many_were_refused(house: House) -> None:
    pressure = overloaded(house)
    for _ in range(3):
        with pytest.raises(Unavailable):
            pressure.admit(critical=False)
    with capture_logs() as said:
        pressure.note(10, 0, time.monotonic())
    assert [(one["event"], one["refused"]) for one in said] == [("edge_takes_again", 3)]


async def test_V4_the_last_places_of_a_full_queue_are_for_what_people_order(house: House) -> None:
    batcher = Batcher(house.services.edge_pool, queue_limit=10)
    waiting: Any = object()
    batcher._queue.extend([waiting] * 9)
    with pytest.raises(Unavailable):
        batcher.admit()
    batcher.admit(critical=True)
    batcher._queue.append(waiting)
    with pytest.raises(Unavailable):
        batcher.admit(critical=True)

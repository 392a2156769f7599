"""The fault proxy does what its name for a fault says, from the seed alone, and nothing at all once it is told to heal."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from tieline.entrypoints.chaos.proxy import KINDS, Place, Proxy, Weather, opened

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\n" + b"b" * 40
REQUEST = b"GET / HTTP/1.1\r\n\r\n"


class Vendor:
    """Answers every request, and counts those that it saw."""

    def __init__(self) -> None:
        self.seen = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                self.seen += 1
                writer.write(ANSWER)
        writer.close()


@contextlib.asynccontextmanager
async def between(rates: Mapping[str, float], **how: float) -> AsyncIterator[tuple[Proxy, Vendor]]:
    vendor = Vendor()
    server = await asyncio.start_server(vendor.serve, "127.0.0.1", 0)
    async with server, opened(_at(server), Weather(seed=1, rates=rates, **how)) as proxy:  # type: ignore[arg-type]
        yield proxy, vendor


def _at(server: asyncio.Server) -> Place:
    return Place(port=server.sockets[0].getsockname()[1])


async def ask(proxy: Proxy, patience_s: float = 2.0) -> bytes | str:
    """The bytes of one answer, "reset", or "silence"."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.at.port)
    try:
        async with asyncio.timeout(patience_s):
            writer.write(REQUEST)
            heard = b""
            while len(heard) < len(ANSWER) and (given := await reader.read(1000)):
                heard += given
            return heard
    except ConnectionError:
        return "reset"
    except TimeoutError:
        return "silence"
    finally:
        writer.close()


async def test_without_faults_everything_passes_as_it_is() -> None:
    async with between({}) as (proxy, vendor):
        assert [await ask(proxy) for _ in range(3)] == [ANSWER] * 3
        assert (vendor.seen, proxy.weather.exchanges) == (3, 3)


@pytest.mark.parametrize(("kind", "seen"), [("reset_request", 0), ("reset_answer", 1)])
async def test_F3_a_reset_leaves_no_answer_and_its_name_says_whether_the_vendor_saw_the_call(
    kind: str, seen: int
) -> None:
    async with between({kind: 1.0}) as (proxy, vendor):
        assert await ask(proxy) == "reset"
        assert vendor.seen == seen


async def test_F3_an_answer_can_end_within_its_headers() -> None:
    async with between({"cut_headers": 1.0}) as (proxy, vendor):
        heard = await ask(proxy)
        assert isinstance(heard, bytes)
        assert ANSWER.startswith(heard)
        assert b"\r\n\r\n" not in heard
        assert vendor.seen == 1


async def test_F3_an_answer_can_end_within_its_body() -> None:
    async with between({"cut_body": 1.0}) as (proxy, _):
        heard = await ask(proxy)
        assert isinstance(heard, bytes)
        assert ANSWER.startswith(heard)
        assert b"\r\n\r\n" in heard
        assert len(heard) < len(ANSWER)


async def test_F8_a_late_answer_is_whole() -> None:
    async with between({"delay": 1.0}, late_s=0.3) as (proxy, _):
        began = asyncio.get_running_loop().time()
        assert await ask(proxy) == ANSWER
        assert 0 < asyncio.get_running_loop().time() - began < 1


async def test_F8_a_slow_loris_says_a_little_and_never_all() -> None:
    async with between({"slow_loris": 1.0}, silent_s=0.5) as (proxy, _):
        heard = await ask(proxy)
        assert isinstance(heard, bytes)
        assert 0 < len(heard) <= 6


@pytest.mark.parametrize(("kind", "seen"), [("black_hole", 0), ("black_hole_back", 1)])
async def test_F44_a_black_hole_swallows_and_one_of_one_way_lets_the_request_through(kind: str, seen: int) -> None:
    async with between({kind: 1.0}) as (proxy, vendor):
        assert await ask(proxy, patience_s=0.3) == "silence"
        assert vendor.seen == seen


async def test_F44_a_partition_drops_those_inside_and_lets_nobody_in_until_it_heals() -> None:
    async with between({}) as (proxy, _):
        assert await ask(proxy) == ANSWER
        proxy.cut_off()
        assert await ask(proxy) in ("reset", b"")
        proxy.heal()
        assert await ask(proxy) == ANSWER


async def test_V1_after_healing_nothing_breaks_and_who_waits_in_a_black_hole_is_let_go() -> None:
    async with between({"black_hole": 1.0}, silent_s=60.0) as (proxy, _):
        waiting = asyncio.create_task(ask(proxy, patience_s=5))
        while not proxy.weather.done["black_hole"]:  # noqa: ASYNC110  counted in another task of this loop, told to nobody
            await asyncio.sleep(0)
        proxy.heal()
        assert await waiting == b""
        assert await ask(proxy) == ANSWER


async def test_one_connection_carries_many_exchanges_and_each_is_drawn_for_itself() -> None:
    async with between({}) as (proxy, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.at.port)
        for _ in range(5):
            writer.write(REQUEST)
            assert await reader.readexactly(len(ANSWER)) == ANSWER
        writer.close()
        assert proxy.weather.exchanges == 5


async def test_a_unix_socket_works_as_a_port_does(tmp_path: Path) -> None:
    vendor = Vendor()
    server = await asyncio.start_unix_server(vendor.serve, tmp_path / "vendor")
    to, at = Place(path=tmp_path / "vendor"), Place(path=tmp_path / "front")
    async with server, opened(to, Weather(seed=1, rates={}), at):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "front")
        writer.write(REQUEST)
        assert await reader.readexactly(len(ANSWER)) == ANSWER
        writer.close()


def test_the_same_seed_draws_the_same_faults_and_another_seed_others() -> None:
    rates = dict.fromkeys(KINDS, 0.1)
    drawn = [[Weather(seed=seed, rates=rates).draw() for _ in range(1)] for seed in (1, 1)]
    assert drawn[0] == drawn[1]
    many = [Weather(seed=seed, rates=rates) for seed in (1, 1, 2)]
    first, again, other = [[one.draw() for _ in range(200)] for one in many]
    assert first == again != other
    assert set(many[0].done) == set(KINDS)


def test_rates_that_cannot_be_chances_are_refused() -> None:
    with pytest.raises(ValueError, match="rates"):
        Weather(seed=1, rates={"reset_request": 0.7, "delay": 0.7})
    with pytest.raises(ValueError, match="rates"):
        Weather(seed=1, rates={"thunder": 0.1})

"""X19 to X21 on real sockets: rebinding, redirects, certificates, endless answers."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from certificates import certificate_for
from raw_server import answer, running

from tieline.adapters.http import GuardedHttp
from tieline.kit.errors import Blocked, Unavailable, Unknown


async def test_X19_the_checked_address_is_the_one_dialled_and_the_name_is_resolved_once() -> None:
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.99"]

    async with running(answer(b'"first"')) as server:
        port = server.url.rsplit(":", 1)[1]
        http = GuardedHttp(f"http://rebind.example.com:{port}", allow_private_addresses=True, resolver=rebinding)
        assert (await http.request("GET", "/x")).body == "first"
        assert asked == ["rebind.example.com"]
        assert f"host: rebind.example.com:{port}".encode() in server.received[0].lower()
        await http.aclose()


async def test_X19_a_second_answer_that_turns_private_is_refused_at_the_next_connection() -> None:
    answers = [["8.8.8.8"], ["192.168.0.1"]]

    async def turning(host: str, port: int) -> list[str]:
        return answers[1]

    with pytest.raises(Blocked):
        await GuardedHttp("https://rebind.example.com", resolver=turning).request("GET", "/x")


async def test_X20_a_redirect_is_never_followed() -> None:
    async with running(answer()) as inner:
        for status in (
            "301 Moved Permanently",
            "302 Found",
            "303 See Other",
            "307 Temporary Redirect",
            "308 Permanent",
        ):
            async with running(answer(status=status, more=(f"location: {inner.url}/secret",))) as outer:
                http = GuardedHttp(outer.url, allow_private_addresses=True)
                with pytest.raises(Unavailable, match="redirects"):
                    await http.request("GET", "/x", headers={"authorization": "Bearer t"})
                await http.aclose()
        assert inner.received == []


async def test_X21_a_certificate_must_be_for_the_name_although_the_address_is_dialled(tmp_path: Path) -> None:
    async def here(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    server_side, trust = certificate_for("erp.example.com", tmp_path)
    async with running(answer(b'"over tls"' + b" " * 900_000), tls=server_side) as server:
        port = server.url.rsplit(":", 1)[1]
        right = GuardedHttp(f"https://erp.example.com:{port}", allow_private_addresses=True, resolver=here, trust=trust)
        assert [(await right.request("POST", "/x", json={})).body for _ in range(2)] == ["over tls"] * 2
        assert server.connections == 1
        await right.aclose()
        for options in ({"trust": trust, "host": "other.example.com"}, {"trust": None, "host": "erp.example.com"}):
            host, chosen = options["host"], options["trust"]
            assert chosen is None or isinstance(chosen, ssl.SSLContext)
            wrong = GuardedHttp(f"https://{host}:{port}", allow_private_addresses=True, resolver=here, trust=chosen)
            with pytest.raises(Unavailable):
                await wrong.request("POST", "/x", json={})
            await wrong.aclose()


async def test_X21_an_endless_answer_is_cut_at_the_limit() -> None:
    endless = (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        + b"10000\r\n"
        + b" " * 65536
        + b"\r\n"
    )
    async with running(endless * 3) as server:
        http = GuardedHttp(server.url, allow_private_addresses=True, body_bytes_max=100_000)
        with pytest.raises(Unknown):
            await http.request("POST", "/x", json={}, timeout_s=1)
        await http.aclose()

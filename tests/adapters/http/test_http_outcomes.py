"""What the client says about the effect of a call, for every way in which a call can end."""

from __future__ import annotations

import asyncio
import gzip
import socket
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from raw_server import Server, answer, running

from tieline.adapters.answers import Inflater, Unreadable
from tieline.adapters.http import GuardedHttp, deadline
from tieline.kit.errors import CredentialInvalid, Defect, Rejected, Throttled, Unavailable, Unknown

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@asynccontextmanager
async def client(server: Server, **options: object) -> AsyncIterator[GuardedHttp]:
    http = GuardedHttp(server.url, name="Vendor", allow_private_addresses=True, now=lambda: NOON, **options)  # type: ignore[arg-type]
    try:
        yield http
    finally:
        await http.aclose()


async def outcome(
    *replies: bytes | str | None, method: str = "POST", timeout_s: float = 0.3, **options: object
) -> object:
    """The answer or the error of one call against a server that replies so."""
    async with running(*replies) as server, client(server, **options) as http:
        try:
            return await http.request(method, "/x", json={"a": "1"} if method == "POST" else None, timeout_s=timeout_s)
        except Exception as error:
            return error


BROKEN = {
    "time-out after sending": "hang",
    "connection reset after sending": None,
    "connection closed after sending": b"",
    "cut in the headers": b"HTTP/1.1 200 OK\r\ncontent-le",
    "cut in the body": answer(b"{" + b" " * 900, more=("connection: close",))[:-300],
    "not HTTP at all": b"SSH-2.0-OpenSSH_9.7\r\n\r\n",
    "status 500": answer(status="500 Internal Server Error"),
    "status 502": answer(b"<html>", kind="text/html", status="502 Bad Gateway"),
    "status 503 without a wish": answer(status="503 Service Unavailable"),
    "status 504": answer(status="504 Gateway Timeout"),
    "redirect": answer(status="302 Found", more=("location: http://169.254.169.254/",)),
    "truncated JSON": answer(b'{"id": "4'),
    "login page": answer(b"<html>Please log in</html>", kind="text/html"),
    "JSON under a wrong content type": answer(b"{}", kind="application/octet-stream"),
    "wrong charset": answer(b"{}", kind="application/json; charset=utf-16"),
    "bytes that are not UTF-8": answer(b'{"a": "\xff"}'),
    "duplicate keys": answer(b'{"id": "4", "id": "5"}'),
    "duplicate keys deep inside": answer(b'{"rows": [{"id": "4", "x": {"b": 1, "b": 1}}]}'),
    "duplicate keys spelled differently": answer(b'{"id": "4", "\\u0069d": "5"}'),
    "NaN": answer(b'{"amount": NaN}'),
    "Infinity": answer(b'{"amount": -Infinity}'),
    "a monstrous number": answer(b'{"amount": 1e999999}'),
    "nesting of 65": answer(b"[" * 65 + b"]" * 65),
    "nesting of 100,000": answer(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "body over the limit": answer(b'"' + b"x" * 70_000 + b'"'),
    "gzip bomb": answer(gzip.compress(b" " * 50_000_000, 9), more=("content-encoding: gzip",)),
    "gzip that is none": answer(b"{}", more=("content-encoding: gzip",)),
    "gzip cut short": answer(gzip.compress(b'{"a": 1}' * 40)[:-9], more=("content-encoding: gzip",)),
    "a packing not offered": answer(b"{}", more=("content-encoding: br",)),
    "header bomb": b"HTTP/1.1 200 OK\r\n" + b"".join(b"x-%d: %s\r\n" % (n, b"y" * 900) for n in range(400)) + b"\r\n",
}


@pytest.mark.parametrize("how", BROKEN)
async def test_D4_a_write_whose_answer_is_lost_or_unreadable_may_have_had_its_effect(how: str) -> None:
    assert type(await outcome(BROKEN[how], body_bytes_max=65_536)) is Unknown


@pytest.mark.parametrize("how", BROKEN)
async def test_a_read_whose_answer_is_lost_or_unreadable_can_simply_be_repeated(how: str) -> None:
    assert type(await outcome(BROKEN[how], method="GET", body_bytes_max=65_536)) is Unavailable


async def test_F8_an_answer_that_drips_is_given_up_when_the_whole_call_has_taken_too_long() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n")
        loop, stop = asyncio.get_running_loop(), asyncio.Event()

        def one_byte() -> None:
            if not writer.transport.is_closing():
                writer.write(b"1")
                loop.call_later(0.02, one_byte)
            else:
                stop.set()

        one_byte()
        await stop.wait()

    listener = await asyncio.start_server(drip, "127.0.0.1", 0)
    server = Server()
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    async with client(server) as http:
        with pytest.raises(Unknown, match="did not answer in time"):
            await http.request("POST", "/x", timeout_s=0.3)
    listener.close()


async def test_a_refused_connection_certainly_had_no_effect() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        server = Server()
        server.url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        async with client(server) as http:
            with pytest.raises(Unavailable):
                await http.request("POST", "/x", json={})


async def test_a_name_that_does_not_resolve_certainly_had_no_effect() -> None:
    async def unresolvable(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    http = GuardedHttp("https://erp.example.com", resolver=unresolvable)
    with pytest.raises(Unavailable, match=r"erp\.example\.com cannot be resolved"):
        await http.request("POST", "/x", json={})


async def test_a_write_that_the_caller_declares_safe_can_be_repeated_after_a_time_out() -> None:
    async with running("hang") as server, client(server) as http:
        with pytest.raises(Unavailable):
            await http.request("POST", "/search", json={}, timeout_s=0.2, safe=True)


async def test_503_of_a_vendor_that_refuses_with_a_wish_keeps_the_wish() -> None:
    error = await outcome(answer(status="503 Service Unavailable", more=("retry-after: 17",)), refused_503=True)
    assert isinstance(error, Throttled) and error.retry_after_s == 17


async def test_D4_503_with_a_wish_may_still_come_after_the_effect() -> None:
    assert isinstance(await outcome(answer(status="503 Service Unavailable", more=("retry-after: 17",))), Unknown)


async def test_503_of_a_vendor_that_is_declared_to_refuse_is_no_effect() -> None:
    assert type(await outcome(answer(status="503 Service Unavailable"), refused_503=True)) is Unavailable


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30),
        ("Sun, 01 Mar 2026 12:02:00 GMT", 120),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0),
        ("99999999", 3600),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600),
        ("soon", None),
        ("-5", None),
    ],
)
async def test_F7_every_dialect_of_retry_after_is_understood_and_capped_at_an_hour(
    text: str, seconds: float | None
) -> None:
    error = await outcome(answer(status="429 Too Many Requests", more=(f"retry-after: {text}",)))
    assert isinstance(error, Throttled) and error.retry_after_s == seconds


async def test_F7_429_without_a_wish_is_throttled_without_one() -> None:
    error = await outcome(answer(status="429 Too Many Requests"))
    assert isinstance(error, Throttled) and error.retry_after_s is None


async def test_401_stops_the_connection_and_a_plain_403_is_left_to_the_connector() -> None:
    assert type(await outcome(answer(status="401 Unauthorized"))) is CredentialInvalid
    refusal = await outcome(answer(b'{"code": "FORBIDDEN"}', status="403 Forbidden"))
    assert refusal.status == 403 and refusal.body == {"code": "FORBIDDEN"}  # type: ignore[attr-defined]


async def test_a_refusal_with_an_unreadable_page_is_still_a_refusal() -> None:
    refusal = await outcome(answer(b"<html>", kind="text/html", status="400 Bad Request"))
    assert refusal.status == 400 and refusal.body is None  # type: ignore[attr-defined]


async def test_M6_amounts_arrive_as_exact_decimals_never_as_floats() -> None:
    found = await outcome(answer(b'{"amount": 0.1, "rate": 1234567.123456, "hours": 2}'))
    assert found.body == {"amount": Decimal("0.1"), "rate": Decimal("1234567.123456"), "hours": 2}  # type: ignore[attr-defined]


async def test_text_with_brackets_colons_and_quotes_inside_is_not_mistaken_for_structure() -> None:
    text = b'{"a": "x: [{\\"y\\": 1}] \\\\", "b": {"a": ":"}}'
    assert (await outcome(answer(text))).body["b"] == {"a": ":"}  # type: ignore[attr-defined]


async def test_gzip_and_chunks_are_read() -> None:
    packed = gzip.compress(b'{"ok": true}')
    chunked = (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n"
        + b"%x\r\n" % len(packed)
        + packed
        + b"\r\n0\r\n\r\n"
    )
    assert (await outcome(chunked)).body == {"ok": True}  # type: ignore[attr-defined]


async def test_an_empty_answer_is_none() -> None:
    found = await outcome(b"HTTP/1.1 204 No Content\r\nlocation: /record/5\r\n\r\n")
    assert found.body is None and found.headers["location"] == "/record/5"  # type: ignore[attr-defined]


async def test_one_connection_serves_many_calls_and_a_closed_one_is_replaced_before_sending() -> None:
    closing = answer(b"1", more=("connection: close",))
    async with running(answer(b"1"), answer(b"2"), closing, answer(b"4")) as server, client(server) as http:
        assert [(await http.request("POST", "/x", json={})).body for _ in range(4)] == [1, 2, 1, 4]
        assert server.connections == 2


async def test_D5_no_call_starts_after_the_deadline() -> None:
    async with running(answer()) as server, client(server) as http:
        token = deadline.set(asyncio.get_running_loop().time() - 0.001)
        with pytest.raises(Unavailable, match="was not started"):
            await http.request("POST", "/x", json={})
        deadline.reset(token)
        assert server.received == []


async def test_a_server_that_closes_every_connection_at_once_is_given_up() -> None:
    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    listener = await asyncio.start_server(close, "127.0.0.1", 0)
    server = Server()
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    async with client(server) as http:
        with pytest.raises((Unavailable, Unknown)):
            await http.request("POST", "/x", json={}, timeout_s=2)
    listener.close()


async def test_the_base_path_parameters_and_own_links_are_used() -> None:
    async with running(answer()) as server:
        http = GuardedHttp(server.url + "/api/v1/", allow_private_addresses=True)
        await http.request("GET", "/records", params={"q": "a b&c", "page": "2"})
        await http.request("GET", server.url + "/api/v1/records?cursor=x")
        with pytest.raises(Rejected):
            await http.request("GET", "http://127.0.0.1.evil.example/records")
        await http.aclose()
        lines = [request.split(b"\r\n")[0] for request in server.received]
        assert lines == [b"GET /api/v1/records?q=a+b%26c&page=2 HTTP/1.1", b"GET /api/v1/records?cursor=x HTTP/1.1"]


@pytest.mark.parametrize("path", ["/x/../admin", "/x/%2e%2E/admin", "/x y", "/x\r\nhost: evil", "/x#y", "//..//x", "x"])
async def test_an_identifier_cannot_lead_a_call_elsewhere(path: str) -> None:
    async with running(answer()) as server, client(server) as http:
        with pytest.raises(Rejected):
            await http.request("GET", path)
        assert server.received == []


async def test_X6_a_header_value_cannot_start_a_new_header_and_framing_is_ours() -> None:
    async with running(answer()) as server, client(server) as http:
        for value in ("a\r\nx-evil: 1", "a\nb", "ä"):
            with pytest.raises(Rejected):
                await http.request("POST", "/x", json={}, headers={"x-ref": value})
        for name in ("Host", "content-LENGTH", "Transfer-Encoding"):
            with pytest.raises(Defect):
                await http.request("POST", "/x", json={}, headers={name: "1"})
        assert server.received == []


async def test_A5_no_error_shows_a_secret_a_body_or_a_query_value(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    canary = "canary-4711"
    for reply in BROKEN.values():
        async with running(reply) as server, client(server, body_bytes_max=65_536) as http:
            with pytest.raises((Unknown, Unavailable)) as raised:
                await http.request(
                    "POST",
                    "/x",
                    json={"name": canary},
                    params={"q": canary},
                    headers={"authorization": f"Bearer {canary}"},
                    timeout_s=0.2,
                )
            assert canary not in str(raised.value) + repr(raised.value)
    assert canary not in caplog.text


async def test_A5_what_a_vendor_puts_into_its_headers_is_not_logged_either(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    await outcome(answer(more=("set-cookie: session=canary-4711",)))
    assert "canary-4711" not in caplog.text


def test_X21_a_gzip_bomb_is_never_unpacked_beyond_the_limit() -> None:
    bomb = gzip.compress(b" " * 50_000_000, 9)
    tracemalloc.start()
    with pytest.raises(Unreadable):
        Inflater("gzip", 65_536).feed(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000

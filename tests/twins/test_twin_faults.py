"""Each fault of the catalogue as a client meets it on the socket, and what it leaves behind in the truth journal."""

from __future__ import annotations

import gzip
import json
import socket
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx2
import pytest
from httpx2 import Client

from tieline.twins.process import Served

ITEM = {"key": "inv_1", "revision": 1}


def put(items: Client) -> httpx2.Response:
    return items.put("/k-put/items/inv_1", json=ITEM)


def effects(twin: Served) -> int:
    return len(twin.journal())


def arm(twin: Served, code: str, **parameters: object) -> None:
    twin.faults([{"fault": {"code": code, **parameters}, "times": 1}])


def raw_exchange(twin: Served) -> tuple[bytes, bool]:
    """What arrives on a bare socket, and whether the other side reset it."""
    address = urlsplit(twin.url)
    content = json.dumps(ITEM).encode()
    head = f"PUT /k-put/items/inv_1 HTTP/1.1\r\nhost: x\r\ncontent-length: {len(content)}\r\n\r\n".encode()
    received = b""
    with socket.create_connection((address.hostname, address.port), timeout=5) as connection:
        connection.sendall(head + content)
        try:
            while chunk := connection.recv(65536):
                received += chunk
        except ConnectionResetError:
            return received, True
    return received, False


@pytest.mark.parametrize(("code", "expected"), [("F1", 1), ("F2", 0)])
def test_F1_F2_silence_hides_whether_the_effect_happened(kv: Served, items: Client, code: str, expected: int) -> None:
    arm(kv, code)
    with pytest.raises(httpx2.ReadTimeout):
        items.put("/k-put/items/inv_1", json=ITEM, timeout=0.2)
    assert effects(kv) == expected
    assert put(items).status_code in (200, 201)


def test_F1_silence_ends_with_a_reset_when_the_client_is_patient(kv: Served) -> None:
    arm(kv, "F1", hold_s=0.05)
    assert raw_exchange(kv) == (b"", True)
    assert effects(kv) == 1


@pytest.mark.parametrize("effect", [True, False])
@pytest.mark.parametrize(
    ("where", "start", "end"),
    [
        ("before_headers", b"", b""),
        ("mid_headers", b"HTTP/1.1 ", b"content-type: appl"),
        ("mid_body", b"HTTP/1.1 ", b'\r\n\r\n{"'),
    ],
)
def test_F3_the_connection_is_reset(kv: Served, where: str, start: bytes, end: bytes, effect: bool) -> None:
    arm(kv, "F3", where=where, effect=effect)
    received, was_reset = raw_exchange(kv)
    assert was_reset
    assert received.startswith(start)
    assert end in received
    assert (received == b"") == (where == "before_headers")
    assert effects(kv) == effect


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("effect", [True, False])
def test_F4_a_server_error_says_nothing_about_the_effect(kv: Served, items: Client, status: int, effect: bool) -> None:
    arm(kv, "F4", status=status, effect=effect)
    assert put(items).status_code == status
    assert effects(kv) == effect


def test_F5_a_truncated_answer_is_no_json(kv: Served, items: Client) -> None:
    arm(kv, "F5", shape="truncated")
    with pytest.raises(json.JSONDecodeError):
        put(items).json()
    assert effects(kv) == 1


@pytest.mark.parametrize(
    ("shape", "media", "sign"),
    [
        ("not_json", "application/json", b"OK"),
        ("html", "text/html", b"Log in"),
        ("content_type", "text/plain", b'"revision":1'),
        ("charset", "charset=utf-8", '"revision":1'.encode("utf-16-le")),
        ("nan", "application/json", b"NaN"),
        ("duplicate_keys", "application/json", b',"id":"0"}'),
    ],
)
def test_F5_an_answer_that_calls_itself_good(kv: Served, items: Client, shape: str, media: str, sign: bytes) -> None:
    arm(kv, "F5", shape=shape)
    answer = put(items)
    assert answer.status_code == 200
    assert media in answer.headers["content-type"]
    assert sign in answer.content
    assert effects(kv) == 1


def test_F5_answers_that_are_too_large_or_too_deep(kv: Served, items: Client) -> None:
    arm(kv, "F5", shape="huge")
    assert len(put(items).content) > 10_000_000
    arm(kv, "F5", shape="deep", effect=False)
    assert put(items).content.count(b"{") == 20_000
    arm(kv, "F5", shape="gzip_bomb", effect=False)
    with items.stream("GET", "/k-put/items/inv_1") as answer:
        squeezed = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip"
    assert len(squeezed) < 100_000 < 50_000_000 < len(gzip.decompress(squeezed))
    assert effects(kv) == 1


def test_F6_an_error_inside_a_good_answer_has_no_effect(kv: Served, items: Client) -> None:
    arm(kv, "F6", detail={"error": "period closed"})
    answer = put(items)
    assert (answer.status_code, answer.json()) == (200, {"error": "period closed"})
    assert effects(kv) == 0


def test_F7_each_vendor_says_too_many_in_its_own_words(kv: Served, items: Client) -> None:
    arm(kv, "F7", dialect="429_seconds", retry_after_s=7)
    assert put(items).headers["retry-after"] == "7"
    arm(kv, "F7", dialect="429_date", retry_after_s=60)
    assert parsedate_to_datetime(put(items).headers["retry-after"]) > datetime.now(UTC)
    arm(kv, "F7", dialect="429_absurd")
    assert int(put(items).headers["retry-after"]) > 10**9
    arm(kv, "F7", dialect="429_none")
    answer = put(items)
    assert (answer.status_code, "retry-after" in answer.headers) == (429, False)
    arm(kv, "F7", dialect="403_limit")
    answer = put(items)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (403, "REQUEST_LIMIT_EXCEEDED")
    arm(kv, "F7", dialect="400_limit")
    answer = put(items)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "SSS_REQUEST_LIMIT_EXCEEDED")
    assert effects(kv) == 0


def test_F8_a_slow_answer_is_a_whole_answer(kv: Served, items: Client) -> None:
    arm(kv, "F8", delay_ms=80)
    started = time.monotonic()
    assert put(items).status_code == 201
    assert time.monotonic() - started >= 0.08


def test_F9_reads_lag_behind_writes_until_the_clock_has_caught_up(kv: Served, items: Client) -> None:
    put(items)
    kv.advance(100)
    items.put("/k-put/items/inv_1", json={**ITEM, "revision": 2})
    kv.faults([{"match": {"method": "GET"}, "fault": {"code": "F9", "lag_s": 60}}])
    assert items.get("/k-put/items/inv_1").json()["revision"] == 1
    kv.advance(61)
    assert items.get("/k-put/items/inv_1").json()["revision"] == 2


def test_F9_a_lagging_read_misses_what_is_new_and_still_shows_what_is_deleted(kv: Served, items: Client) -> None:
    items.put("/k-put/items/old", json={"key": "old", "revision": 1})
    kv.advance(100)
    items.delete("/k-put/items/old")
    put(items)
    kv.faults([{"match": {"method": "GET"}, "fault": {"code": "F9", "lag_s": 60}}])
    assert items.get("/k-put/items/inv_1").status_code == 404
    assert items.get("/k-put/items/old").status_code == 200


def test_F15_an_outage_takes_everything_down_for_its_window(kv: Served, items: Client) -> None:
    kv.faults([{"match": {"path_regex": "^/k-put/"}, "fault": {"code": "F15", "window_s": 3600}, "times": 1}])
    assert put(items).status_code == 503
    assert items.post("/n/items", json=ITEM).status_code == 503
    kv.advance(3601)
    assert put(items).status_code == 201


def test_F15_an_outage_may_look_like_a_reset_or_like_success(kv: Served, items: Client) -> None:
    arm(kv, "F15", shape="maintenance")
    answer = put(items)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    kv.heal()
    arm(kv, "F15", shape="reset")
    with pytest.raises(httpx2.ReadError):
        put(items)
    kv.heal()
    assert put(items).status_code == 201
    assert effects(kv) == 1


def statuses(items: Client, count: int) -> list[int]:
    return [items.get("/n/items/none").status_code for _ in range(count)]


def test_a_rule_can_hit_the_nth_call_every_nth_call_or_a_seeded_share(kv: Served, items: Client) -> None:
    kv.faults([{"match": {"nth": 2}, "fault": {"code": "F4"}}])
    assert statuses(items, 4) == [404, 503, 404, 404]
    kv.heal()
    kv.faults([{"match": {"every": 2}, "fault": {"code": "F4"}}])
    assert statuses(items, 4) == [404, 503, 404, 503]
    kv.heal()
    kv.faults([{"match": {"rate": 0.5, "seed": 7}, "fault": {"code": "F4"}}])
    first = statuses(items, 20)
    kv.heal()
    kv.faults([{"match": {"rate": 0.5, "seed": 7}, "fault": {"code": "F4"}}])
    assert statuses(items, 20) == first
    assert 3 < first.count(503) < 17


def test_a_rule_looks_only_at_the_calls_that_it_names(kv: Served, items: Client) -> None:
    kv.faults([{"match": {"method": "GET", "path_regex": r"marker=prj_1"}, "fault": {"code": "F4"}}])
    assert items.get("/q/items", params={"marker": "prj_2"}).status_code == 200
    assert items.get("/q/items", params={"marker": "prj_1"}).status_code == 503
    assert [rule["fired"] for rule in kv.control("faults")["rules"]] == [1]


def test_an_unknown_parameter_of_a_fault_is_told_where_it_is_met(kv: Served, items: Client) -> None:
    arm(kv, "F7", dialect="418")
    answer = put(items)
    assert answer.status_code == 599
    assert "dialect '418'" in answer.text

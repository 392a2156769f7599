"""What other systems tell us: nothing lost, nothing twice, nothing believed that is not signed."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

import psycopg
import pytest
from api_house import NOW, House, message, signed


async def test_a_signed_message_is_in_the_journal_when_the_sender_sees_202(house: House) -> None:
    answer = await house.hook(message())
    assert answer.status_code == 202
    stored = house.rows("select tenant_id, channel, system, topic, source_id, correlation_id::text, status from inputs")
    assert stored == [
        ("northwind", "webhook", "clm", "agreement", "rec-1", answer.json()["correlation_id"], "accepted")
    ]
    assert answer.headers["tieline-correlation-id"] == answer.json()["correlation_id"]
    assert house.rows("select count(*) from intake") == [(1,)]


async def test_D3_the_same_message_fifty_times_in_any_order_is_one_row_and_keeps_its_correlation(house: House) -> None:
    bodies = [message(n) for n in range(3) for _ in range(50)]
    random.Random(7).shuffle(bodies)
    answers = await asyncio.gather(*(house.hook(body) for body in bodies))
    assert {answer.status_code for answer in answers} == {202}
    assert house.rows("select source_id, count(*) from inputs group by 1 order by 1") == [
        (f"rec-{n}", 1) for n in range(3)
    ]
    stored = {row[0] for row in house.rows("select correlation_id::text from inputs")}
    assert {answer.json()["correlation_id"] for answer in answers} == stored
    again = await house.hook(message(1))
    assert again.json()["duplicates"] == 1 and again.json()["correlation_id"] in stored


async def test_D2_X28_the_same_message_id_with_another_body_is_refused_and_changes_nothing(house: House) -> None:
    await house.hook(message(1))
    answer = await house.hook(message(1, amount="1"))
    assert answer.status_code == 409
    assert answer.json()["code"] == "duplicate_with_other_content"
    assert house.rows("select count(*) from inputs") == [(1,)]


@pytest.mark.parametrize(
    ("situation", "headers"),
    [
        ("no signature", {"x-stamp": str(int(NOW.timestamp()))}),
        ("empty signature", {**signed(message()), "x-signature": ""}),
        ("signature over other bytes", signed(message(2))),
        ("secret of another endpoint", signed(message(), secret=b"another")),
        ("older than the window", signed(message(), at=NOW - timedelta(minutes=6))),
        ("from the future", signed(message(), at=NOW + timedelta(minutes=6))),
    ],
)
async def test_X27_X28_a_message_that_is_not_signed_right_is_refused(
    house: House, situation: str, headers: dict[str, str]
) -> None:
    answer = await house.hook(message(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), situation
    assert house.rows("select count(*) from inputs") == [(0,)]


async def test_X6_a_signature_header_that_is_sent_twice_counts_as_none(house: House) -> None:
    body = message()
    twice = [*signed(body).items(), ("x-signature", "0" * 64)]
    async with house.client(None) as http:
        answer = await http.post("/hooks/northwind/clm", content=body, headers=twice)
    assert answer.status_code == 401


async def test_X28_a_replay_inside_the_window_is_accepted_once(house: House) -> None:
    body = message()
    headers = signed(body)
    await house.hook(body, headers=headers)
    answer = await house.hook(body, headers=headers)
    assert answer.status_code == 202 and answer.json()["duplicates"] == 1
    assert house.rows("select count(*) from inputs") == [(1,)]


@pytest.mark.parametrize("at", ["northwind/nothing", "nobody/clm", "nobody/nothing"])
async def test_T1_an_unknown_firm_and_an_unknown_system_look_the_same(house: House, at: str) -> None:
    answer = await house.hook(message(), at=at)
    document = answer.json()
    assert answer.status_code == 404
    assert (document["code"], document["detail"]) == ("not_found", "Nobody listens at this address.")


async def test_a_half_message_is_refused_with_400(house: House) -> None:
    body = message()[:20]
    answer = await house.hook(body)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


async def test_L1_a_connection_cut_in_the_middle_of_a_batch_gives_503_and_the_repeat_gives_one_row(
    house: House,
) -> None:
    with psycopg.connect(house.admin) as blocker:
        blocker.execute("lock table inputs in access exclusive mode")
        waiting = [asyncio.create_task(house.hook(message(n))) for n in range(5)]
        await _until_blocked(house)
        house.rows("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'tieline_edge'")
        answers = await asyncio.gather(*waiting)
        blocker.rollback()
    cut = [answer for answer in answers if answer.status_code == 503]
    assert cut and all(answer.headers["retry-after"] for answer in cut)
    assert {answer.status_code for answer in answers} <= {202, 503}
    acknowledged = sum(answer.status_code == 202 for answer in answers)
    assert house.rows("select count(*) from inputs") == [(acknowledged,)]
    again = await asyncio.gather(*(house.hook(message(n)) for n in range(5)))
    assert {answer.status_code for answer in again} == {202}
    assert house.rows("select source_id, count(*) from inputs group by 1 order by 1") == [
        (f"rec-{n}", 1) for n in range(5)
    ]


async def _until_blocked(house: House) -> None:
    blocked = "select count(*) from pg_stat_activity where usename = 'tieline_edge' and wait_event_type = 'Lock'"
    async with asyncio.timeout(5):
        while house.rows(blocked) == [(0,)]:
            await asyncio.to_thread(house.rows, "select pg_sleep(0.01)")  # the lock is the server's to tell

"""Webhooks out against a real store and a real receiver on loopback; the clock is moved by hand."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from desk import TYPE, by, desk
from receiver import OK, Received, receiving
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from database import Database
from tieline.kit.errors import Conflict, NotFound


async def test_each_event_arrives_once_in_order_per_lane_and_a_healthy_endpoint_leaves_no_rows(
    database: Database,
) -> None:
    async with desk(database) as at, receiving() as partner:
        await at.add(partner.url())
        for _ in range(40):
            for lane in ("contract:a", "contract:b", "contract:c"):
                at.publish(lane)
        await at.until_quiet()
        for lane in ("contract:a", "contract:b", "contract:c"):
            assert partner.order(lane) == list(range(1, 41))
        assert len(partner.received) == 120
        assert await at.rows("select * from deliveries") == []
        assert (await at.rows("select count(*) as n from delivery_attempts where outcome = 'delivered'"))[0]["n"] == 120


async def test_a_message_is_a_cloud_event_that_the_standard_library_verifies(database: Database) -> None:
    async with desk(database) as at, receiving() as partner:
        registered = await at.register(partner.url())
        (event_id,) = at.publish("contract:a")
        await at.until_quiet()
        (message,) = partner.received
        said = Webhook(registered["secret"]).verify(message.body, message.headers)
        assert (said["id"], said["type"], said["specversion"]) == (str(event_id), TYPE, "1.0")
        assert said["legalentity"] == "DE01" and said["partitionkey"] == "contract:a"
        assert message.id == str(event_id)
        assert message.headers["content-type"] == "application/cloudevents+json"
        with pytest.raises(WebhookVerificationError):
            Webhook(registered["secret"]).verify(message.body + b" ", message.headers)


async def test_both_secrets_sign_during_the_overlap_and_only_the_new_one_after_it(database: Database) -> None:
    async with desk(database) as at, receiving() as partner:
        registered = await at.register(partner.url())
        rotated = await at.endpoints.rotate(by(), registered["endpoint_id"], timedelta(hours=1))
        at.publish("contract:a")
        await at.until_quiet()
        for secret in (registered["secret"], rotated["secret"]):
            Webhook(secret).verify(partner.received[0].body, partner.received[0].headers)
        at.clock.forward(hours=2)
        at.publish("contract:a")
        await at.until_quiet()
        assert len(partner.received[0].headers["webhook-signature"].split(" ")) == 2
        assert len(partner.received[1].headers["webhook-signature"].split(" ")) == 1
        last = partner.received[1]
        stamp = at.clock.now
        expected = Webhook(rotated["secret"]).sign(last.id, stamp, last.body.decode())
        assert last.headers["webhook-signature"] == expected


async def test_X15_a_secret_lies_in_the_store_sealed_and_appears_in_no_table(database: Database) -> None:
    async with desk(database) as at, receiving() as partner:
        registered = await at.register(partner.url())
        at.publish("contract:a")
        await at.until_quiet()
        for table in ("endpoints", "endpoint_secrets", "delivery_attempts", "events", "replays"):
            assert registered["secret"][6:30] not in str(await at.rows(f"select * from {table}"))


async def test_an_endpoint_hears_only_the_types_and_legal_entities_it_asked_for(database: Database) -> None:
    async with desk(database) as at, receiving() as partner:
        endpoint_id = await at.add(partner.url(), types=["dev.tieline.invoice.*"], entities=["DE01"])
        at.publish("contract:a", type="dev.tieline.invoice.posted.v1")
        at.publish("contract:a", type="dev.tieline.invoice.posted.v1", legal_entity="US01")
        at.publish("contract:a", type="dev.tieline.invoice.posted.v1", legal_entity=None)
        at.publish("contract:a")
        await at.until_quiet()
        assert partner.order("contract:a") == [1]
        assert (await at.endpoint(endpoint_id))["position"] == 4


async def test_T1_an_endpoint_never_hears_of_another_firm(database: Database) -> None:
    async with desk(database) as at, receiving() as ours, receiving() as theirs:
        await at.add(ours.url())
        await at.add(theirs.url(), tenant="southwind")
        at.publish("contract:a")
        at.publish("contract:b", tenant="southwind")
        await at.until_quiet()
        assert [each.lane for each in ours.received] == ["contract:a"]
        assert [each.lane for each in theirs.received] == ["contract:b"]


async def test_after_an_outage_every_event_arrives_in_order_under_its_first_id(database: Database) -> None:
    up = False
    async with desk(database) as at, receiving(lambda message: OK if up else (500, {})) as partner:
        await at.add(partner.url())
        sent = {lane: [str(i) for i in at.publish(lane, 30)] for lane in ("contract:a", "contract:b")}
        await at.until_quiet()
        tried = len(partner.received)
        assert 1 <= tried <= 8
        await at.until_quiet()
        assert len(partner.received) == tried  # nothing more before its time
        for _ in range(3):
            at.clock.forward(hours=3)
            await at.until_quiet()
        assert len(partner.received) == tried + 3  # a failing endpoint is asked with one message at a time
        up = True
        at.clock.forward(hours=30)
        await at.until_quiet()
        for lane, ids in sent.items():
            assert [each.id for each in partner.taken if each.lane == lane] == ids
        assert await at.rows("select * from deliveries") == []


async def test_O5_a_refused_message_holds_back_its_own_lane_and_no_other(database: Database) -> None:
    def answer(message: Received) -> tuple[int, dict[str, str]]:
        return (422, {}) if message.lane == "contract:bad" and message.seq == 1 and refusing else OK

    refusing = True
    async with desk(database) as at, receiving(answer) as partner:
        endpoint_id = await at.add(partner.url())
        at.publish("contract:bad", 3)
        at.publish("contract:good", 3)
        await at.until_quiet()
        for _ in range(12):
            at.publish("contract:good")
            at.publish("contract:bad")
            at.clock.forward(hours=25)
            await at.until_quiet()
        assert partner.order("contract:good") == list(range(1, 16))
        assert partner.order("contract:bad") == []
        assert len([each for each in partner.received if each.lane == "contract:bad"]) == 10
        held = await at.rows("select * from holds where lifted_at is null")
        assert [row["code"] for row in held] == ["WEBHOOK_REFUSED"]
        assert (await at.endpoint(endpoint_id))["state"] == "active"
        refusing = False
        event_id = next(each.id for each in partner.received if each.lane == "contract:bad")
        await at.endpoints.resend(by(), endpoint_id, event_id)
        await at.until_quiet()
        assert partner.order("contract:bad") == list(range(1, 16))
        assert await at.rows("select * from holds where lifted_at is null") == []


async def test_410_switches_the_endpoint_off_at_once_and_it_goes_on_where_it_stood(database: Database) -> None:
    gone = True
    async with desk(database) as at, receiving(lambda message: (410, {}) if gone else OK) as partner:
        endpoint_id = await at.add(partner.url())
        at.publish("contract:a", 3)
        await at.until_quiet()
        row = await at.endpoint(endpoint_id)
        assert (row["state"], row["off_reason"], len(partner.received)) == ("disabled", "gone", 1)
        assert [h["code"] for h in await at.rows("select * from holds where lifted_at is null")] == ["WEBHOOK_DISABLED"]
        at.publish("contract:a", 2)
        at.clock.forward(days=30)
        await at.until_quiet()
        assert len(partner.received) == 1
        gone = False
        await at.endpoints.enable(by(), endpoint_id)
        await at.until_quiet()
        assert partner.order("contract:a") == [1, 2, 3, 4, 5]
        assert await at.rows("select * from holds where lifted_at is null") == []


async def test_retry_after_of_a_429_is_kept_to_the_second(database: Database) -> None:
    busy = True
    async with desk(database) as at, receiving(lambda m: (429, {"retry-after": "90"}) if busy else OK) as partner:
        await at.add(partner.url())
        at.publish("contract:a", 2)
        await at.until_quiet()
        assert len(partner.received) == 1
        at.clock.forward(seconds=89)
        await at.until_quiet()
        assert len(partner.received) == 1
        busy = False
        at.clock.forward(seconds=1)
        await at.until_quiet()
        assert partner.order("contract:a") == [1, 2]


@pytest.mark.parametrize("status", [429, 502, 504])
async def test_V3_a_throttling_endpoint_is_asked_by_one_call_at_a_time(database: Database, status: int) -> None:
    async with desk(database, at_once=1) as at, receiving(lambda message: (status, {})) as partner:
        await at.add(partner.url())
        for n in range(20):
            at.publish(f"contract:{n}")
        await at.until_quiet()
        assert len(partner.received) == 1
        at.clock.forward(seconds=6)
        await at.until_quiet()
        assert len(partner.received) == 2


async def test_five_days_without_a_yes_switch_the_endpoint_off_and_raise_a_hold(database: Database) -> None:
    async with desk(database) as at, receiving(lambda message: (503, {})) as partner:
        endpoint_id = await at.add(partner.url())
        at.publish("contract:a", 2)
        began = at.clock.now
        await at.until_quiet()
        for _ in range(20):
            if (await at.endpoint(endpoint_id))["state"] != "active":
                break
            at.clock.now = (await at.endpoint(endpoint_id))["next_at"]
            await at.until_quiet()
        row = await at.endpoint(endpoint_id)
        assert row["off_reason"] == "failing" and at.clock.now - began == timedelta(days=5)
        (held,) = await at.rows("select * from holds where lifted_at is null")
        assert (held["code"], held["owner"], held["lane"]) == (
            "WEBHOOK_DISABLED", "integration", f"endpoint:{endpoint_id}",
        )  # fmt: skip
        changes = await at.rows("select data->>'change' as said, actor from events where lane = %s order by lane_seq",
                                f"endpoint:{endpoint_id}")  # fmt: skip
        assert [(c["said"], c["actor"]) for c in changes] == [
            ("registered", "prn_1"), ("disabled_failing", "tieline"),
        ]  # fmt: skip
        assert len({each.id for each in partner.received}) == 1


async def test_X20_a_redirect_is_refused_and_nobody_is_asked_behind_it(database: Database) -> None:
    async with receiving() as inside, desk(database) as at:
        async with receiving(lambda message: (307, {"location": inside.url("/stolen")})) as partner:
            await at.add(partner.url())
            at.publish("contract:a")
            await at.until_quiet()
        assert inside.received == []
        (attempt,) = await at.rows("select * from delivery_attempts")
        assert (attempt["outcome"], attempt["status"], attempt["problem"]) == ("refused", 307, "redirect")


async def test_O5_a_slow_endpoint_slows_no_other(database: Database) -> None:
    opened = asyncio.Event()

    async def slowly(message: Received) -> tuple[int, dict[str, str]]:
        await opened.wait()
        return OK

    async with desk(database) as at, receiving(slowly) as slow, receiving() as fast:
        await at.add(slow.url())
        await at.add(fast.url())
        for n in range(100):
            at.publish(f"contract:{n % 10}")
        for _ in range(20):
            await at.deliverer.round()  # never waits for the slow one's answer
            if len(fast.taken) == 100:
                break
        assert len(fast.taken) == 100 and slow.taken == []
        opened.set()
        await at.until_quiet()
        assert sorted((m.lane, m.seq) for m in slow.taken) == sorted((m.lane, m.seq) for m in fast.taken)


async def test_silence_counts_as_no_answer_after_its_time(database: Database) -> None:
    async def never(message: Received) -> tuple[int, dict[str, str]]:
        await asyncio.Event().wait()
        return OK

    async with desk(database, timeout_s=0.05) as at, receiving(never) as partner:
        await at.add(partner.url())
        at.publish("contract:a")
        await at.until_quiet()
        (attempt,) = await at.rows("select * from delivery_attempts")
        assert (attempt["outcome"], attempt["problem"], attempt["status"]) == ("unreachable", "timed_out", None)


async def test_resending_one_event_keeps_its_id_and_says_that_it_is_a_replay(database: Database) -> None:
    async with desk(database) as at, receiving() as partner:
        endpoint_id = await at.add(partner.url())
        first, _second = at.publish("contract:a", 2)
        await at.until_quiet()
        ordered = await at.endpoints.resend(by(), endpoint_id, first)
        await at.until_quiet()
        *_, again = partner.received
        assert len(partner.received) == 3 and again.id == str(first)
        assert again.document["replayid"] == str(ordered["replay_id"])
        assert "replayid" not in partner.received[0].document
        (replay,) = await at.rows("select * from replays")
        assert replay["finished_at"] is not None


async def test_recovering_since_an_instant_repeats_exactly_what_came_after_it_in_order(database: Database) -> None:
    async with desk(database) as at, receiving() as partner:
        endpoint_id = await at.add(partner.url())
        early = at.publish("contract:a", 3)
        at.publish("contract:a", 250)
        await at.rows("update seals set recorded_at = recorded_at - interval '1 hour' where position <= 4 returning 1")
        await at.rows(
            "update events set recorded_at = recorded_at - interval '1 hour' where event_id = any(%s) returning 1",
            [*early, (await at.rows("select event_id from seals where position = 4"))[0]["event_id"]],
        )
        await at.until_quiet()
        partner.taken.clear()
        await at.endpoints.recover(by(), endpoint_id, at.clock.now - timedelta(minutes=30))
        await at.until_quiet()
        assert partner.order("contract:a") == list(range(5, 254))
        assert len({each.document["replayid"] for each in partner.taken}) == 1


async def test_X24_what_is_not_there_and_what_is_another_firms_is_refused_alike(database: Database) -> None:
    async with desk(database) as at, receiving() as partner:
        endpoint_id = await at.add(partner.url())
        await at.add(partner.url(), tenant="southwind")
        (foreign,) = at.publish("contract:b", tenant="southwind")
        for attempt in (
            at.endpoints.resend(by(), endpoint_id, foreign),
            at.endpoints.rotate(by("southwind"), endpoint_id),
            at.endpoints.disable(by("southwind"), endpoint_id),
        ):
            with pytest.raises(NotFound):
                await attempt
        await at.endpoints.disable(by(), endpoint_id)
        with pytest.raises(Conflict):
            await at.endpoints.recover(by(), endpoint_id, at.clock.now)


async def test_a_body_above_twenty_kilobytes_is_replaced_by_where_to_fetch_it(database: Database) -> None:
    async with desk(database) as at, receiving() as partner:
        await at.add(partner.url())
        (event_id,) = at.publish("contract:a", data={"code": "x" * 30_000, "subject": "s"})
        await at.until_quiet()
        (message,) = partner.received
        assert len(message.body) <= 20_000 and "data" not in message.document
        assert message.document["dataref"] == f"/events/v1/{event_id}"

"""What the API tells: where a contract stands, what happened, what caused what."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from api_house import House, contract, hold, record, replica
from psycopg import AsyncCursor
from psycopg.rows import dict_row

from tieline.adapters.postgres.pools import tenant_tx
from tieline.api.experience import contract_document
from tieline.kit.canonical import digest
from tieline.kit.errors import NotFound
from tieline.kit.ids import uuid7


async def get(house: House, path: str) -> Any:
    async with house.client() as http:
        answer = await http.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_contract_whose_replicas_are_all_confirmed_is_in_step(house: House) -> None:
    contract(house, "c1")
    replica(house, "c1", "project", "prj_1")
    found = await get(house, "/experience/v1/contracts/c1")
    assert (found["status"], found["next_actor"], found["held"], found["why"]) == ("in_step", "nobody", None, None)
    assert (found["client"], found["number"]) == ("Aurora GmbH", "C-c1")
    assert found["replicas"][0]["external"] == {"id": "X-prj_1"}


async def test_a_held_contract_says_why_who_acts_next_and_how_much_money_hangs_on_it(house: House) -> None:
    contract(house, "c1")
    stuck = hold(house, "c1")
    hold(house, "c1", "SERVICE_LINE_UNKNOWN", amount=None, currency=None, sentence="Unknown service line.")
    found = await get(house, "/experience/v1/contracts/c1")
    assert (found["status"], found["next_actor"]) == ("blocked", "finance")
    assert found["why"] == "The tax code REDUCED is not known for DE01."
    assert found["held"] == {"amount": "46000", "currency": "EUR"}
    assert found["holds"][0]["hold_id"] == str(stuck)
    assert found["holds"][0]["amount"] == {"amount": "46000", "currency": "EUR"}


async def test_O5_a_hold_of_one_contract_leaves_the_others_in_step(house: House) -> None:
    contract(house, "c1")
    contract(house, "c2")
    hold(house, "c1")
    found = await get(house, "/experience/v1/contracts")
    assert [(line["id"], line["status"]) for line in found["contracts"]] == [("c1", "blocked"), ("c2", "in_step")]


async def test_an_invoice_that_waits_for_its_release_asks_and_does_not_block(house: House) -> None:
    contract(house, "c1")
    invoice = {"id": "inv_1", "contract_id": "c1", "total": {"amount": "10.00", "currency": "EUR"}}
    record(house, "northwind", "invoice", "inv_1", "contract:c1", invoice)
    hold(house, "c1", "AWAITING_RELEASE", subject="invoice:inv_1")
    found = await get(house, "/experience/v1/contracts/c1")
    assert (found["status"], found["next_actor"]) == ("awaiting_approval", "finance")
    assert [(i["state"], i["digest"]) for i in found["invoices"]] == [("awaiting_release", digest(invoice).hex())]


async def test_a_contract_is_blocked_by_a_hold_of_its_client(house: House) -> None:
    contract(house, "c1")
    house.seed("lanes", tenant_id="northwind", lane="client:cl-c1", shard=1)
    replica(house, "c1", "project", "prj_1", status="waiting")
    replica_of_client(house)
    house.seed(
        "waits", tenant_id="northwind", on_replica="erp/client/cli_1", replica_id="erp/project/prj_1", on_revision=1
    )
    hold(house, "c1", "CLIENT_AMBIGUOUS")
    house.rows("update holds set lane = 'client:cl-c1' returning 1")
    [line] = (await get(house, "/experience/v1/contracts"))["contracts"]
    found = await get(house, "/experience/v1/contracts/c1")
    assert line["status"] == found["status"] == "blocked"
    assert [h["code"] for h in found["holds"]] == ["CLIENT_AMBIGUOUS"]
    assert {r["kind"] for r in found["replicas"]} == {"client", "project"}


def replica_of_client(house: House) -> None:
    replica(house, "c1", "client", "cli_1", status="pending")
    house.rows("update replicas set lane = 'client:cl-c1' where kind = 'client' returning 1")


async def test_pages_follow_one_another_without_gap_or_repeat(house: House) -> None:
    for number in range(7):
        contract(house, f"c{number}")
    seen, path = [], "/experience/v1/contracts?limit=3"
    async with house.client() as http:
        while path:
            answer = await http.get(path)
            seen += [line["id"] for line in answer.json()["contracts"]]
            path = answer.links.get("next", {}).get("url", "")
    assert seen == [f"c{number}" for number in range(7)]


async def test_an_unknown_parameter_is_refused(house: House) -> None:
    async with house.client() as http:
        answer = await http.get("/experience/v1/contracts?limt=3")
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "/query/limt")


def story(house: House) -> dict[str, Any]:
    """A signature, the event it caused, the effect that followed, and the hold at its side."""
    contract(house, "c1")
    ids = {name: uuid7() for name in ("correlation", "input", "event", "approval")}
    common = {"tenant_id": "northwind", "lane": "contract:c1", "correlation_id": ids["correlation"]}
    house.seed(
        "inputs", input_id=ids["input"], channel="webhook", system="clm", topic="agreement", source_id="a1", dedup=b"1" * 16,
        shard=1, status="applied", **common,
    )  # fmt: skip
    house.seed(
        "events", event_id=ids["event"], lane_seq=1, type="dev.tieline.contract.signed.v1", subject="contract:c1", data={},
        causation_id=ids["input"], actor="clm", **common,
    )  # fmt: skip
    house.seed(
        "effects", intended_at=datetime.now(UTC), effect_key=b"2" * 16, replica_id="erp/project/prj_1", system="erp",
        kind="project", verb="put", op_class="Q", revision=1, payload_hash=b"3" * 16, state="ok", worker="w", epoch=1,
        external={"id": "X-1"}, mapping_version="1", config_version="1", actor="engine", causation_id=ids["event"], **common,
    )  # fmt: skip
    return ids


async def test_A3_a_trace_leads_from_the_signature_to_the_effect(house: House) -> None:
    ids = story(house)
    [root] = (await get(house, "/experience/v1/contracts/c1/trace"))["nodes"]
    assert (root["node"], root["id"]) == ("input", str(ids["input"]))
    [event] = root["children"]
    [effect] = event["children"]
    assert (event["what"], effect["what"], effect["system"], effect["external_id"], effect["outcome"]) == (
        "contract.signed.v1", "put project", "erp", "X-1", "ok",
    )  # fmt: skip


async def test_a_timeline_tells_what_happened_in_order(house: House) -> None:
    story(house)
    hold(house, "c1")
    found = await get(house, "/experience/v1/contracts/c1/timeline")
    assert [entry["type"] for entry in found["events"]] == ["dev.tieline.contract.signed.v1", "effect", "hold.raised"]


async def test_a_contract_s_events_are_followed_by_cursor_without_gap(house: House) -> None:
    ids = story(house)
    for number in range(2, 6):
        house.seed(
            "events", tenant_id="northwind", event_id=uuid7(), lane="contract:c1", lane_seq=number, subject="contract:c1",
            type="dev.tieline.contract.amended.v1", data={}, actor="clm", correlation_id=ids["correlation"],
        )  # fmt: skip
    seen, cursor = [], None
    for _ in range(3):
        after = f"&cursor={cursor}" if cursor else ""
        page = await get(house, f"/events/v1?contract_id=c1&limit=2{after}")
        seen, cursor = [*seen, *(event["position"] for event in page["events"])], page["cursor"]
    assert seen == [1, 2, 3, 4, 5] and page["next_cursor"] is None


async def test_the_feed_of_all_contracts_shows_what_is_sealed_and_nothing_before(house: House) -> None:
    story(house)
    assert (await get(house, "/events/v1"))["events"] == []
    await house.seal()
    [event] = (await get(house, "/events/v1"))["events"]
    assert (event["type"], event["partitionkey"]) == ("dev.tieline.contract.signed.v1", "contract:c1")
    assert (event["sequence"], event["epoch"], event["position"]) == (1, 1, 1)


async def test_the_feed_of_all_contracts_is_followed_by_cursor_without_gap_and_without_repeat(house: House) -> None:
    ids = story(house)
    seen, cursor = [], None
    for contract_id in ("c2", "c3", "c4"):
        house.seed(
            "events", tenant_id="northwind", event_id=uuid7(), lane=f"contract:{contract_id}", lane_seq=1, actor="clm",
            subject="contract", type="dev.tieline.contract.signed.v1", data={}, correlation_id=ids["correlation"],
        )  # fmt: skip
        await house.seal()
        page = await get(house, f"/events/v1?limit=1{f'&cursor={cursor}' if cursor else ''}")
        seen, cursor = [*seen, *(event["sequence"] for event in page["events"])], page["cursor"]
    page = await get(house, f"/events/v1?cursor={cursor}")
    assert [*seen, *(event["sequence"] for event in page["events"])] == [1, 2, 3, 4]
    assert page["next_cursor"] is None


async def test_systems_are_listed_with_their_roles_and_how_much_is_in_step(house: House) -> None:
    contract(house, "c1")
    replica(house, "c1", "project", "prj_1", system="clm", role="clm")
    replica(house, "c1", "project", "prj_2", system="clm", role="clm", status="waiting")
    [system] = (await get(house, "/system/v1/systems"))["systems"]
    assert (system["name"], system["roles"], system["in_step"], system["not_in_step"]) == ("clm", ["clm"], 1, 1)


class Meanwhile(AsyncCursor[Any]):
    """A cursor after whose first question somebody else records a contract."""

    house: House | None = None

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        done = await super().execute(*args, **kwargs)
        if self.house is not None:
            other, self.house = self.house, None
            contract(other, "c1")
        return done


async def test_a_contract_that_is_recorded_while_somebody_asks_for_it_is_not_there_yet_or_there_whole(
    house: House,
) -> None:
    async with house.services.pool.connection() as connection, tenant_tx(connection, "northwind"):
        cursor = Meanwhile(connection, row_factory=dict_row)
        cursor.house = house
        with pytest.raises(NotFound):
            await contract_document(cursor, "c1")
        assert (await contract_document(cursor, "c1"))["id"] == "c1"

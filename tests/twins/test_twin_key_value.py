"""What a second send does at each operation class, over real HTTP."""

from __future__ import annotations

from httpx2 import Client

from tieline.twins.process import Served

FIRST = {"key": "inv_1", "revision": 1, "total": "84000.00"}
SECOND = {"key": "inv_1", "revision": 2, "total": "84001.00"}


def test_the_same_idempotency_key_gives_the_same_item_and_one_effect(kv: Served, items: Client) -> None:
    answers = [items.post("/k-once/items", json=FIRST, headers={"idempotency-key": "e1"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["idempotency-replayed"] == "true"
    assert [entry["idempotency_key"] for entry in kv.journal()] == ["e1"]


def test_an_idempotency_key_used_for_another_amount_is_refused_without_effect(kv: Served, items: Client) -> None:
    items.post("/k-once/items", json=FIRST, headers={"idempotency-key": "e1"})
    refused = items.post("/k-once/items", json=SECOND, headers={"idempotency-key": "e1"})
    assert refused.status_code == 422
    assert refused.json()["code"] == "key_reused"
    assert len(kv.journal()) == 1


def test_a_creation_without_an_idempotency_key_is_refused(kv: Served, items: Client) -> None:
    assert items.post("/k-once/items", json=FIRST).status_code == 400
    assert kv.journal() == []


def test_a_late_put_overwrites_the_newer_revision(kv: Served, items: Client) -> None:
    assert items.put("/k-put/items/inv_1", json=SECOND).status_code == 201
    assert items.put("/k-put/items/inv_1", json=FIRST).status_code == 200
    assert items.get("/k-put/items/inv_1").json() == {**FIRST, "id": "inv_1", "version": 2}
    assert [entry["payload"]["revision"] for entry in kv.journal()] == [2, 1]


def test_the_journal_names_who_did_it_and_why(kv: Served, items: Client) -> None:
    items.put("/k-put/items/inv_1", json=FIRST, headers={"tieline-correlation-id": "cor_1"})
    entry = kv.journal()[0]
    assert (entry["principal"], entry["operation"], entry["kind"]) == ("hub-a", "put", "k-put")
    assert (entry["natural_key"], entry["correlation"], entry["payload"]) == ("inv_1", "cor_1", FIRST)


def test_a_deleted_item_is_gone_and_deleting_it_again_is_no_effect(kv: Served, items: Client) -> None:
    items.put("/k-put/items/inv_1", json=FIRST)
    assert [items.delete("/k-put/items/inv_1").status_code for _ in range(2)] == [204, 204]
    assert items.get("/k-put/items/inv_1").status_code == 404
    assert [entry["operation"] for entry in kv.journal()] == ["put", "delete"]


def test_a_searchable_system_creates_twice_and_shows_both_after_its_index_has_caught_up(
    kv: Served, items: Client
) -> None:
    ids = [items.post("/q/items", json={**FIRST, "marker": "prj_1"}).json()["id"] for _ in range(2)]
    assert items.get("/q/items", params={"marker": "prj_1"}).json() == {"items": []}
    assert items.get(f"/q/items/{ids[0]}").status_code == 200
    kv.advance(31)
    found = items.get("/q/items", params={"marker": "prj_1"}).json()["items"]
    assert [item["id"] for item in found] == ids
    assert items.get("/q/items", params={"marker": "prj_2"}).json() == {"items": []}


def test_an_update_by_id_replaces_and_a_patch_merges(kv: Served, items: Client) -> None:
    id = items.post("/q/items", json={**FIRST, "marker": "prj_1"}).json()["id"]
    assert items.patch(f"/q/items/{id}", json=SECOND).json() == {**SECOND, "marker": "prj_1", "id": id, "version": 2}
    assert items.put(f"/q/items/{id}", json=FIRST).json() == {**FIRST, "id": id, "version": 3}
    assert items.put("/q/items/q-99", json=FIRST).status_code == 404


def test_a_system_without_search_creates_each_time_and_can_only_be_read_by_its_own_id(
    kv: Served, items: Client
) -> None:
    ids = [items.post("/n/items", json=FIRST).json()["id"] for _ in range(2)]
    assert len(set(ids)) == 2
    assert items.get(f"/n/items/{ids[0]}").json()["revision"] == 1
    assert items.get("/n/items", params={"marker": "x"}).status_code == 405
    assert len(kv.journal()) == 2

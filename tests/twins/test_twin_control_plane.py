"""The control plane is for tests and demos only, and a twin keeps what it has answered for."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx2
import pytest
from httpx2 import Client

import tieline.twins
from tieline.kit.errors import Rejected
from tieline.twins.process import Served, names, served

ITEM = {"key": "inv_1", "revision": 1}


def test_the_product_cannot_read_the_truth_journal(kv: Served) -> None:
    for headers in ({}, {"x-twin-control": "guessed"}):
        refused = httpx2.get(kv.url + "/_twin/journal", headers=headers)
        assert refused.status_code == 403
    assert httpx2.get(kv.url + "/_twin/health").json()["name"] == "kv"


def test_the_journal_can_be_read_from_a_position_on(kv: Served, items: Client) -> None:
    for n in range(3):
        items.put(f"/k-put/items/{n}", json={"key": str(n), "revision": n})
    first, second, third = kv.journal()
    assert kv.journal(after=first["seq"]) == [second, third]
    assert kv.journal(after=third["seq"]) == []


def test_a_killed_twin_still_holds_items_keys_journal_clock_and_faults(tmp_path: Path) -> None:
    with served("kv", tmp_path) as twin:
        before = httpx2.post(twin.url + "/k-once/items", json=ITEM, headers={"idempotency-key": "e1"}).json()
        twin.advance(3600)
        twin.faults(
            [{"id": "once", "match": {"path_regex": "^/n/"}, "fault": {"code": "F4", "status": 500}, "times": 1}]
        )
        assert httpx2.post(twin.url + "/n/items", json=ITEM).status_code == 500
        journal, port = twin.journal(), twin.url
        twin.kill()
        twin.start()
        assert twin.url == port
        assert twin.journal() == journal
        assert httpx2.post(twin.url + "/k-once/items", json=ITEM, headers={"idempotency-key": "e1"}).json() == before
        assert twin.control("clock")["offset_s"] == pytest.approx(3600)
        assert httpx2.post(twin.url + "/n/items", json=ITEM).status_code == 201, "the fault had been spent"


def test_whatever_a_killed_twin_had_answered_for_is_in_its_journal(tmp_path: Path) -> None:
    answered: list[str] = []
    half = threading.Event()

    def write(url: str) -> None:
        with Client(base_url=url) as client:
            for n in range(20_000):
                try:
                    client.put(f"/k-put/items/{n}", json={"key": str(n), "revision": 1}).raise_for_status()
                except httpx2.TransportError:
                    return
                answered.append(str(n))
                if n == 200:
                    half.set()

    with served("kv", tmp_path) as twin:
        writer = threading.Thread(target=write, args=(twin.url,))
        writer.start()
        assert half.wait(20)
        twin.kill()
        writer.join(20)
        twin.start()
        stated = [entry["natural_key"] for entry in twin.journal()]
        assert stated[: len(answered)] == answered
        assert len(stated) <= len(answered) + 1, "at most the request that was under way"


def test_a_reset_twin_is_as_good_as_new(kv: Served, items: Client) -> None:
    items.put("/k-put/items/inv_1", json=ITEM)
    kv.faults([{"fault": {"code": "F4"}}])
    kv.control("reset", {})
    assert items.get("/k-put/items/inv_1").status_code == 404
    assert kv.journal() == []
    assert kv.control("faults") == {"rules": []}


def test_a_misspelt_fault_is_refused_instead_of_never_firing(kv: Served) -> None:
    with pytest.raises(Rejected, match="latncy"):
        kv.faults([{"fault": {"code": "F8", "latncy": 5}}])


def test_a_twin_that_takes_no_seed_says_so(kv: Served) -> None:
    with pytest.raises(Rejected, match="kv twin takes no seed"):
        kv.control("seed", {"items": []})


def test_the_clock_is_moved_by_hand(kv: Served) -> None:
    assert kv.control("clock", {"at": "2026-04-15T08:00:00+00:00"})["at"].startswith("2026-04-15T08:00:00")
    assert kv.control("clock", {"advance_s": 86400})["at"].startswith("2026-04-16T08:00:0")


def test_every_twin_has_a_page_that_says_what_it_does_not_do() -> None:
    assert {"kv", "ironclad"} <= set(names())
    for name in names():
        page = (Path(tieline.twins.__file__).parent / name / "PAGE.md").read_text()
        assert "does not" in page.lower(), name


def test_a_twin_ends_when_it_is_told_to(tmp_path: Path) -> None:
    with served("kv", tmp_path) as twin:
        twin.stop()
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(twin.url + "/_twin/health")


def test_a_twin_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    with served("kv", tmp_path) as twin:
        assert twin.process.stdin is not None
        twin.process.stdin.close()
        assert twin.process.wait(5) is not None

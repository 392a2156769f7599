"""A request to a twin is one transaction, and its store keeps keys unique and the past readable."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tieline.kit.errors import Rejected
from tieline.twins.chassis import KeyTaken, Twin, accepted, reading_as_of


class HalfDone(Twin):
    """Writes, states its effect, and then fails."""

    name = "half-done"

    def routes(self) -> Sequence[BaseRoute]:
        return [Route("/{how}", self._write, methods=["POST"])]

    def principal(self, request: Request) -> str:
        return "nobody"

    async def _write(self, request: Request) -> Response:
        self.store.put("thing", "1", {})
        self.journal.append(principal="nobody", operation="put", kind="thing", natural_key="1", payload={})
        match request.path_params["how"]:
            case "refused":
                raise Rejected("The period is closed.")
            case "broken":
                raise ZeroDivisionError
        return accepted()


@pytest.fixture
def twin(tmp_path: Path) -> HalfDone:
    return HalfDone(tmp_path, control_token="t")


@pytest.mark.parametrize(("how", "status", "effects"), [("refused", 400, 0), ("broken", 500, 0), ("done", 204, 1)])
async def test_a_request_that_fails_after_a_write_leaves_nothing_behind(
    twin: HalfDone, how: str, status: int, effects: int
) -> None:
    transport = httpx2.ASGITransport(app=twin, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://twin") as client:
        assert (await client.post(f"/{how}")).status_code == status
    twin.rollback()
    assert len(twin.store.list("thing")) == effects
    assert len(twin.journal.after(0)) == effects


def test_a_unique_key_names_its_holder_and_is_free_again_after_a_deletion(twin: HalfDone) -> None:
    twin.store.put("client", "1", {"n": 1}, keys={"external": "cli_1"})
    with pytest.raises(KeyTaken) as taken:
        twin.store.put("client", "2", {"n": 2}, keys={"external": "cli_1"})
    assert taken.value.holder == "1"
    twin.store.put("client", "1", {"n": 3})
    assert twin.store.find("client", "external", "cli_1") == ("1", {"n": 3})
    twin.store.delete("client", "1")
    twin.store.put("client", "2", {"n": 2}, keys={"external": "cli_1"})
    assert twin.store.find("client", "external", "cli_1") == ("2", {"n": 2})


def test_a_label_may_be_carried_by_several_documents(twin: HalfDone) -> None:
    for id in ("9", "1"):
        twin.store.put("project", id, {"id": id}, labels={"marker": "prj_1"})
    assert [id for id, _ in twin.store.labelled("project", "marker", "prj_1")] == ["9", "1"]
    twin.store.put("project", "9", {"id": "9"}, labels={})
    assert [id for id, _ in twin.store.labelled("project", "marker", "prj_1")] == ["1"]


def test_every_past_state_can_be_read_as_it_was(twin: HalfDone) -> None:
    moments = []
    for n in range(3):
        twin.store.put("client", "1", {"n": n})
        twin.clock.move(10)
        moments.append(twin.clock.time() - 5)
    twin.store.delete("client", "1")
    seen = []
    for moment in [moments[0] - 10, *moments]:
        with reading_as_of(moment):
            seen.append(twin.store.get("client", "1"))
    assert seen == [None, {"n": 0}, {"n": 1}, {"n": 2}]
    assert twin.store.get("client", "1") is None
    with reading_as_of(moments[0]):
        assert twin.store.get("client", "1", fresh=True) is None
        assert twin.store.list("client") == [("1", {"n": 0})]


def test_running_numbers_go_on_and_start_where_they_are_told(twin: HalfDone) -> None:
    assert [twin.store.next_number("invoice", 1001) for _ in range(3)] == [1001, 1002, 1003]
    assert twin.store.next_number("client") == 1

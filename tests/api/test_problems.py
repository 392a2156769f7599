"""Errors say what happens next, in one shape, and never more than they may."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import pytest
from api_house import HmacSource, House, contract, message, setup
from starlette.requests import Request

from tieline.api.app import create_app
from tieline.api.catalogue import CATALOGUE, Problem
from tieline.api.problems import code_of, problem_of
from tieline.kit import errors
from tieline.kit.errors import TielineError
from tieline.ports.systems import Notification

MEMBERS = {
    "type", "title", "status", "detail", "instance", "code", "correlation_id", "retryable", "retry_after_s", "errors",
    "runbook", "owner", "way_out",
}  # fmt: skip
TREE = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TielineError)]


@pytest.mark.parametrize("kind", TREE)
def test_every_error_of_the_tree_has_a_catalogued_problem(kind: type[TielineError]) -> None:
    assert code_of(kind("It went wrong.")) in CATALOGUE


@pytest.mark.parametrize("kind", TREE)
def test_an_error_with_a_code_of_its_own_is_answered_as_its_class(kind: type[TielineError]) -> None:
    known, own = kind("It went wrong."), kind("It went wrong.")
    own.code = "legal_entity_unknown"
    assert code_of(own) == code_of(known)


@pytest.mark.parametrize("problem", CATALOGUE.values(), ids=lambda problem: problem.code)
def test_every_problem_says_who_acts_and_how(problem: Problem) -> None:
    assert problem.owner and problem.way_out.endswith(".")
    assert problem.retryable == (problem.retry_after_s is not None) or problem.code == "timed_out"
    assert 400 <= problem.status < 600


async def test_each_problem_s_type_leads_to_a_page(house: House) -> None:
    async with house.client(None) as http:
        refused = (await http.get("/experience/v1/contracts")).json()
        page = await http.get(refused["type"])
        assert (page.status_code, page.json()["code"]) == (200, refused["code"])
        assert (await http.get("/problems/nothing")).status_code == 404


async def test_a_problem_has_all_its_members_and_the_answer_s_correlation(house: House) -> None:
    async with house.client() as http:
        answer = await http.get("/experience/v1/contracts/nobody")
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.json()) == MEMBERS
    assert answer.json()["correlation_id"] == answer.headers["tieline-correlation-id"]
    assert answer.json()["instance"] == "/experience/v1/contracts/nobody"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("DELETE", "/experience/v1/contracts", 405), ("GET", "/hooks/northwind/clm", 404),
     ("GET", "/experience/v1/contracts/%00", 404), ("GET", "/experience/v1/contracts/" + "x" * 100, 404)],
)  # fmt: skip
async def test_the_framework_s_own_refusals_are_problems_too(house: House, method: str, path: str, status: int) -> None:
    async with house.client() as http:
        answer = await http.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


async def test_every_answer_carries_the_safety_headers(house: House) -> None:
    async with house.client() as http:
        for path in ("/livez", "/experience/v1/contracts", "/nothing", "/openapi.json"):
            headers = (await http.get(path)).headers
            assert headers["cache-control"] == "no-store" and headers["x-content-type-options"] == "nosniff", path
            assert headers["tieline-correlation-id"], path


async def test_A5_a_defect_in_a_hook_shows_nothing_of_its_cause(house: House) -> None:
    broken = replace(setup("northwind"), sources={"clm": Faulty()})
    services = replace(house.services, landscape={"northwind": broken})
    answer = await replace(house, app=create_app(services)).hook(message())
    assert (answer.status_code, answer.json()["code"]) == (500, "defect")
    assert "secret" not in answer.text and "Traceback" not in answer.text


async def test_A5_a_defect_in_a_route_shows_nothing_of_its_cause(house: House) -> None:
    contract(house, "c1")
    house.rows("update records set doc = '[\"secret\"]' where kind = 'contract' returning 1")
    async with house.client() as http:
        answer = await http.get("/experience/v1/contracts/c1")
    assert (answer.status_code, answer.json()["code"]) == (500, "defect")
    assert "secret" not in answer.text and "Traceback" not in answer.text


class Faulty(HmacSource):
    """A check with a fault of ours in it."""

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Sequence[Notification]:
        raise KeyError("secret value of ours")


def test_an_exception_that_nobody_knows_is_a_defect() -> None:
    scope = {"type": "http", "method": "GET", "path": "/x", "headers": [], "query_string": b"", "server": ("hub", 80)}
    assert problem_of(Request(scope), ZeroDivisionError("secret")).status_code == 500

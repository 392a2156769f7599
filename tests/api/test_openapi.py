"""The description of the API is committed, valid, and what the code says."""

from __future__ import annotations

import json
from pathlib import Path

from api_house import House
from openapi_spec_validator import OpenAPIV31SpecValidator

from tieline.api.app import create_api
from tieline.api.openapi import text

COMMITTED = Path(__file__).parents[2] / "docs" / "reference" / "openapi.json"


def test_the_committed_description_is_fresh() -> None:
    assert COMMITTED.read_text() == text(create_api()), "run: python -m tieline.api.openapi"


def test_the_description_is_valid_openapi_3_1() -> None:
    OpenAPIV31SpecValidator(json.loads(text(create_api()))).validate()


def test_every_operation_has_a_name_of_its_own_and_describes_its_problems() -> None:
    operations = [o for path in create_api().openapi()["paths"].values() for o in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names) and all("_" in name for name in names)
    assert all("default" in operation["responses"] and "422" not in operation["responses"] for operation in operations)


def test_every_effect_asks_for_an_idempotency_key() -> None:
    for path, methods in create_api().openapi()["paths"].items():
        for method, operation in methods.items():
            keys = [p for p in operation.get("parameters", []) if p["name"] == "Idempotency-Key"]
            assert bool(keys) == ("202" in operation["responses"]), f"{method} {path}"


async def test_the_description_is_served_without_a_key(house: House) -> None:
    async with house.client(None) as http:
        answer = await http.get("/openapi.json")
    assert answer.json() == json.loads(COMMITTED.read_text())
